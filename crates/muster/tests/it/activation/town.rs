//! The people of an activation, and the model of what must become of them: whose e-mail or mobile is the same is one
//! (behaviour.md 3.5). Shares nothing with the rules: groups are written down as they are made, not found.

use serde_json::{Value, json};

/// Both without a common divisor with any number of people that is used, so that they scatter.
const PLACES: usize = 7_919;
const RANKS: usize = 7_907;
/// Holders of the most held e-mail: below the default cap of 50 with those who arrive by mobile.
const LARGEST: usize = 40;

/// A person who has one profile.
pub(crate) struct Person {
    pub(crate) customer_id: String,
    pub(crate) email: String,
    pub(crate) mobile: Option<String>,
    /// The e-mail that imports set while the kinds become active.
    pub(crate) new_email: Option<String>,
    /// Order of `first_seen`, which chooses survivors whatever comes first.
    pub(crate) rank: usize,
    pub(crate) group: usize,
    /// Its place in the group, which names the attributes that it alone writes.
    pub(crate) slot: usize,
}

/// People who are one in the end.
#[derive(Default)]
pub(crate) struct Group {
    /// People who are joined by stored values.
    pub(crate) holders: Vec<usize>,
    /// Those who get a value of theirs by an import.
    pub(crate) movers: Vec<usize>,
    /// What they are addressed by.
    pub(crate) emails: Vec<String>,
    /// Whether imports write to them.
    pub(crate) touched: bool,
}

impl Group {
    pub(crate) fn members(&self) -> impl Iterator<Item = usize> {
        self.holders.iter().chain(&self.movers).copied()
    }
}

pub(crate) struct Town {
    pub(crate) people: Vec<Person>,
    pub(crate) groups: Vec<Group>,
}

impl Town {
    /// The numbers of people and of e-mail addresses that several of them have.
    pub(crate) fn new(people: usize, duplicated: usize) -> Town {
        let person = |number| Person {
            customer_id: format!("c{number}"),
            email: format!("own{number}@town.test"),
            mobile: None,
            new_email: None,
            rank: number * RANKS % people,
            group: 0,
            slot: 0,
        };
        let mut town = Town { people: (0..people).map(person).collect(), groups: Vec::new() };
        let mut places = (0..people).map(|place| place * PLACES % people);
        let mut email = 0;
        while email < duplicated {
            // Each tenth group is two e-mails, held together by one mobile.
            let emails = if email % 10 == 1 && email + 1 < duplicated { 2 } else { 1 };
            let mut group = Group::default();
            for shared in email..email + emails {
                let size = if shared == 0 { LARGEST } else { 2 + 2 * usize::from(shared % 5 == 0) };
                let holders: Vec<usize> = places.by_ref().take(size).collect();
                for (nth, &number) in holders.iter().enumerate() {
                    // In another case for every second: the kind is normalised.
                    let name = if nth % 2 == 0 { "Shared" } else { "shared" };
                    town.people[number].email = format!("{name}{shared}@town.test");
                }
                if emails == 2 {
                    town.people[holders[0]].mobile = Some(format!("+4912{email}"));
                }
                group.emails.push(format!("shared{shared}@TOWN.test"));
                group.holders.extend(holders);
            }
            town.groups.push(group);
            email += emails;
        }
        let several = town.groups.len();
        let mut singles: Vec<usize> = places.collect();
        singles.sort_unstable();
        town.singles(&singles, several);
        for number in 0..town.groups.len() {
            let group = &mut town.groups[number];
            // Groups in turn; single people in turn.
            group.touched = number % 2 == 0;
            for (slot, member) in town.groups[number].members().enumerate() {
                (town.people[member].group, town.people[member].slot) = (number, slot);
            }
        }
        town
    }

    /// Some single people come to a group by an import, some change their e-mail, the others stay as they are.
    fn singles(&mut self, singles: &[usize], several: usize) {
        let every = (singles.len() / (several + 1)).max(8);
        let mut targets = (2..several).step_by(2);
        for (place, &number) in singles.iter().enumerate() {
            if place % every == 3
                && let Some(target) = targets.next()
            {
                self.people[number].new_email = Some(self.groups[target].emails[0].clone());
                self.groups[target].movers.push(number);
                continue;
            }
            let mut emails = vec![self.people[number].email.clone()];
            // Untouched groups have odd numbers.
            if place % every > 5 && place % every < 8 && self.groups.len().is_multiple_of(2) {
                self.people[number].new_email = Some(format!("new{number}@town.test"));
                emails.clear();
            }
            self.groups.push(Group { holders: vec![number], emails, ..Group::default() });
        }
    }

    /// The element that makes a person's profile.
    pub(crate) fn element(&self, number: usize) -> Value {
        let person = &self.people[number];
        let (day, second) = (person.rank / 86_400, person.rank % 86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let mut attributes = json!({
            "email": person.email,
            "first_seen": format!("2019-01-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1),
            "name": person.customer_id,
        });
        attributes[format!("home_{}", person.slot)] = json!(person.customer_id);
        if let Some(mobile) = &person.mobile {
            attributes["mobile"] = json!(mobile);
        }
        json!({"type": "customer", "customer_id": person.customer_id, "attributes": attributes})
    }

    /// Whose id a group has in the end: who was seen first.
    pub(crate) fn survivor(&self, group: &Group) -> usize {
        group.members().min_by_key(|&number| self.people[number].rank).unwrap()
    }

    /// What preview must say: merges, profiles that take part, members of the largest.
    pub(crate) fn by_stored_values(&self) -> [usize; 3] {
        let sizes: Vec<usize> = self.groups.iter().map(|group| group.holders.len()).filter(|size| *size > 1).collect();
        [sizes.iter().map(|size| size - 1).sum(), sizes.iter().sum(), sizes.iter().copied().max().unwrap_or(0)]
    }

    /// Live profiles in the end.
    pub(crate) fn in_the_end(&self) -> usize {
        self.groups.len()
    }
}

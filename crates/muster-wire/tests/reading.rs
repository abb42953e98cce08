//! How single members of a body are read, each rule by the smallest body that shows it. What the golden files say with
//! whole commands is not repeated here.

use muster_core::command::{Body, CustomerElement, Matching};
use muster_core::identifier::{KindSettings, Normaliser};
use muster_core::kinds::{Platform, Route};
use muster_core::reason::Reason;
use muster_core::settings::{Identity, Settings};
use muster_core::time::{Date, Timestamp};
use muster_core::value::Value;
use muster_core::warning::Code;
use muster_wire::data::transition::{Parsed, ReadContext, Unreadable, read};
use muster_wire::zone::Zone;
use std::sync::Arc;

fn context(kinds: Vec<KindSettings>) -> ReadContext {
    let identity = Identity { enabled: kinds.len() > 1, kinds, ..Identity::off() };
    ReadContext {
        route: Route::Transition,
        settings: Arc::new(Settings { identity, ..Settings::default() }),
        lenient: false,
        null_clears: false,
        parity: false,
        zone: Zone::from_name("Europe/Berlin").expect("a zone"),
        // In November: winter time.
        received_at: Timestamp(1_795_536_000_000),
    }
}

fn plain() -> ReadContext {
    context(vec![KindSettings::plain("customer_id")])
}

fn parsed(elements: &str, context: &ReadContext) -> Parsed {
    let body = format!(r#"{{"type":"transition","elements":[{elements}]}}"#);
    read(body.as_bytes(), context).expect("it is accepted")
}

/// A customer element with these members, and its warnings.
fn customer(members: &str, context: &ReadContext) -> (CustomerElement, Vec<(Code, String)>) {
    let element = parsed(&format!(r#"{{"type":"customer","customer_id":"c",{members}}}"#), context).elements.remove(0);
    let warnings = element.warnings.0.into_iter().map(|w| (w.code, w.name.into())).collect();
    match element.body {
        Ok(Body::Customer(customer)) => (*customer, warnings),
        other => panic!("{other:?}"),
    }
}

/// The faults of a body as reason and pointer: those of the 400, or else of its elements.
fn faults(elements: &str, context: &ReadContext) -> Vec<(Reason, String)> {
    let body = format!(r#"{{"type":"transition","elements":[{elements}]}}"#);
    let faults = match read(body.as_bytes(), context) {
        Err(Unreadable::Faults(faults, _)) => faults,
        Err(Unreadable::Failure(failure)) => panic!("{failure:?}"),
        Ok(parsed) => {
            parsed.elements.into_iter().filter_map(|e| e.body.err()).flat_map(|faults| faults.to_vec()).collect()
        }
    };
    faults.into_iter().map(|fault| (fault.reason, fault.pointer.into())).collect()
}

/// Of a number under `e164` whose list of exceptions names another spelling.
#[test]
fn a_number_is_an_exception_also_as_it_is_normalised() {
    let mobile = KindSettings {
        normaliser: Some(Normaliser::E164),
        exceptions: Some(vec!["+15550100".into()]),
        ..KindSettings::plain("mobile")
    };
    let context = context(vec![KindSettings::plain("customer_id"), mobile]);
    let of = |number| faults(&format!(r#"{{"type":"customer","attributes":{{"mobile":"{number}"}}}}"#), &context);
    let at = || "/elements/0/attributes/mobile".to_owned();
    assert_eq!(of("0015550100"), [(Reason::NoUsableIdentifier, at())]);
    assert_eq!(of("00 -"), [(Reason::EmptyIdentifier, at())]);
    assert_eq!(of("0015550101"), []);
}

/// An element without any identifier is a structural fault, whatever else is wrong with it.
#[test]
fn no_fault_but_one_of_an_identifier_hides_that_there_is_none() {
    let event =
        |members: &str| faults(&format!(r#"{{"type":"event",{members},"actions":[{{"action":"x"}}]}}"#), &plain());
    let device = |members: &str| {
        let attributes = r#""attributes":{"platform":"web","push_id":"t"}"#;
        faults(&format!(r#"{{"type":"device",{members},{attributes}}}"#), &plain())
    };
    let long = format!(r#""device_id":"{}""#, "d".repeat(513));
    let (missing, wrong) = (Reason::MissingIdentifier, Reason::IdentifierType);
    let at = |pointer: &str| pointer.to_owned();
    let missing = || (missing, at("/elements/0"));
    for of in [&event as &dyn Fn(&str) -> Vec<(Reason, String)>, &device] {
        assert_eq!(of(&long), [missing()], "the 400 tells structural faults alone");
        assert_eq!(of(r#""device_id":true"#), [missing(), (wrong, at("/elements/0/device_id"))]);
        assert_eq!(of(r#""customer_id":true"#), [(wrong, at("/elements/0/customer_id"))]);
    }
}

/// Names of standard attributes in another case are not aliases; a rule that ignores case matches them nevertheless.
#[test]
fn an_unset_rule_that_ignores_case_knows_all_names_of_an_attribute() {
    let unset = |rule: &str| {
        let (customer, warnings) = customer(&format!(r#""unset_attributes":[{rule}]"#), &plain());
        let all_equal = customer.unsets.iter().all(|unset| unset.matching == Matching::Equals);
        assert!(all_equal, "an identifier is unset by its whole name alone");
        let unset: Vec<(String, bool)> =
            customer.unsets.iter().map(|unset| (unset.text.to_string(), unset.case_sensitive)).collect();
        (unset, warnings.into_iter().map(|(code, _)| code).collect::<Vec<_>>())
    };
    let (exactly, in_any_case) = (|name: &str| (name.to_owned(), true), |name: &str| (name.to_owned(), false));
    let rule = |attr: &str, sensitive: bool| {
        unset(&format!(r#"{{"type":"equals","attr":"{attr}","case_sensitive":{sensitive}}}"#))
    };
    assert_eq!(rule("U_FN", false), (vec![in_any_case("U_FN"), exactly("first_name")], vec![]));
    assert_eq!(rule("Moe_Email", false), (vec![in_any_case("Moe_Email"), exactly("email")], vec![]));
    assert_eq!(rule("U_X", false), (vec![in_any_case("U_X")], vec![]));
    assert_eq!(rule("U_FN", true), (vec![exactly("U_FN")], vec![]));
    assert_eq!(rule("u_fn", true), (vec![exactly("first_name")], vec![]));
    assert_eq!(rule("PUBLISHER_NAME", false), (vec![], vec![Code::UnsetRuleIgnored]), "what cannot be set at will");
}

#[test]
fn an_attribute_called_platform_is_the_platforms_only_if_it_holds_objects() {
    let read = |json: &str| {
        let (customer, warnings) = customer(&format!(r#""attributes":{{"platform":{json}}}"#), &plain());
        (customer.sets, customer.platforms, warnings)
    };
    let strings = Value::Array(vec![Value::text("web"), Value::text("ios")]);
    assert_eq!(read(r#"["web","ios"]"#), (vec![("platform".into(), strings)], vec![], vec![]));
    assert_eq!(read(r#"[{"platform":"web"}]"#), (vec![], vec![(Platform::Web, true)], vec![]));
    let ignored = vec![(Code::TypeIgnored, "platform".to_owned())];
    assert_eq!(read(r#"["web",{"platform":"web"}]"#), (vec![], vec![(Platform::Web, true)], ignored));
    let (emptied, _) = customer(r#""attributes":{"platform":[]}"#, &plain());
    assert_eq!(emptied.unsets.iter().map(|unset| &*unset.text).collect::<Vec<_>>(), ["platform"]);
}

/// behaviour.md 2: opt-in flags are booleans, or strings in any case.
#[test]
fn a_flag_of_the_email_address_is_stored_as_a_boolean() {
    let read = |value: &str| {
        let members =
            format!(r#""attributes":{{"moe_spam":{value},"moe_unsubscribe":{value},"moe_hard_bounce":{value}}}"#);
        let (customer, warnings) = customer(&members, &plain());
        let names: Vec<&str> = customer.sets.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["moe_spam", "moe_unsubscribe", "moe_hard_bounce"]);
        assert_eq!(warnings, []);
        customer.sets.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(read(r#""True""#), vec![Value::Boolean(true); 3]);
    assert_eq!(read(r#"" FALSE ""#), vec![Value::Boolean(false); 3]);
    assert_eq!(read("true"), vec![Value::Boolean(true); 3]);
    assert_eq!(read(r#""yes""#), vec![Value::Boolean(true); 3]);
    assert_eq!(read("0"), vec![Value::Boolean(false); 3]);
    assert_eq!(read(r#""maybe""#), vec![Value::text("maybe"); 3]);
    let (other, _) = customer(r#""attributes":{"vip":"true"}"#, &plain());
    assert_eq!(other.sets, [("vip".into(), Value::text("true"))]);
}

/// behaviour.md 1.7: an element costs what arrives in it, whatever becomes of it.
#[test]
fn an_event_with_a_doubled_member_costs_the_actions_that_it_carries() {
    let context = ReadContext { lenient: true, ..plain() };
    let cost = |members: &str| {
        let parsed = parsed(&format!(r#"{{"type":"event","customer_id":"a","customer_id":"b"{members}}}"#), &context);
        let faults = parsed.elements[0].body.as_ref().expect_err("a member is doubled");
        assert_eq!(faults.iter().map(|fault| fault.reason).collect::<Vec<_>>(), [Reason::DoubledMember]);
        parsed.elements[0].actions
    };
    assert_eq!(cost(r#","actions":[{"action":"x"},{"action":"y"},7]"#), 3);
    assert_eq!(cost(r#","actions":[1],"actions":[2,3]"#), 3, "both arrived");
    assert_eq!(cost(r#","actions":5"#), 0);
    assert_eq!(cost(""), 0);
}

/// FACTS 7: the offset of the action, else of the workspace, and of that at the time that it is for.
#[test]
fn a_time_is_taken_with_the_offset_that_holds_then() {
    let date = |text: &str| Date::parse(text).expect("a date").instant(0);
    let read = |members: &str| {
        let element = format!(r#"{{"type":"event","customer_id":"c","actions":[{{"action":"x"{members}}}]}}"#);
        let body = parsed(&element, &plain()).elements.remove(0).body;
        let Ok(Body::Event(event)) = body else { panic!("{body:?}") };
        let action = event.actions[0].as_ref().expect("it is accepted");
        (action.time, action.user_time.map(Timestamp), action.offset_seconds)
    };
    let (ten, noon) = (Some(date("2026-07-01T10:00:00Z")), Some(date("2026-07-01T12:00:00")));
    let (summer, winter) = (7_200, 3_600);
    assert_eq!(read(r#","user_time":"2026-07-01T12:00:00""#), (ten, noon, summer));
    assert_eq!(read(r#","user_time":"2026-07-01T10:00:00Z""#), (ten, noon, summer));
    assert_eq!(read(r#","current_time":"2026-07-01T10:00:00""#), (ten, None, summer), "always UTC");
    let both = |user: &str| read(&format!(r#","current_time":"2026-01-05","user_time":"{user}""#));
    let january = Some(date("2026-01-05"));
    assert_eq!(both("2026-07-01T12:00:00"), (january, noon, winter), "both are used as sent");
    assert_eq!(both("2026-07-01T10:00:00Z"), (january, noon, winter));
    assert_eq!(read(""), (None, None, winter), "the receipt");
    let eleven = Some(date("2026-07-01T11:00:00Z"));
    let own = r#","user_time":"2026-07-01T12:00:00","user_timezone_offset":3600"#;
    assert_eq!(read(own), (eleven, noon, winter), "the action's own comes first");
    let (customer, _) =
        customer(r#""attributes":{"cr_t":"2026-07-01T12:00:00","u_l_a":"2026-01-05T01:00:00"}"#, &plain());
    assert_eq!((customer.seen.first, customer.seen.last), (ten, january));
}

/// Fails if an operation on a name that was cut replaces an earlier one also where both were spelled alike.
#[test]
fn one_array_is_not_both_added_to_and_removed_from_whatever_its_name_is_cut_to() {
    for parity in [true, false] {
        let context = ReadContext { parity, ..plain() };
        let name = "n".repeat(201);
        let operators =
            format!(r#""addValueToArrayField":{{"{name}":[1]}},"removeValueFromArrayField":{{"{name}":[1]}}"#);
        let customer = format!(r#"{{"type":"customer","customer_id":"c","attributes":{{{operators}}}}}"#);
        let at = "/elements/0/attributes/addValueToArrayField".to_owned();
        assert_eq!(faults(&customer, &context), [(Reason::AddAndRemove, at)]);
    }
}

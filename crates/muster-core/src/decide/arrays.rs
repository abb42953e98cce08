//! Arrays with operators in one decision. While it runs, records and views hold an empty array as a placeholder
//! ([`is_placeholder`]; a stored array is never empty), and the values are computed once, with the changes. So elements
//! that add to one long array cost what they add.

use super::write_target::WriteTarget;
use crate::array::{ArrayLog, ArrayUndo};
use crate::id::ProfileNo;
use crate::record::{MemberRecord, Size, View};
use crate::value::Value;
use std::collections::{HashMap, HashSet};

/// Array logs, with the profiles and member records that use them.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    pub(super) logs: Vec<ArrayLog>,
    pub(super) current: Map<usize>,
    pub(super) held: Map<HeldArray>,
    pub(super) undo: Vec<ArraysUndo>,
}

pub(super) type Map<T> = HashMap<ProfileNo, HashMap<Box<str>, T>>;

/// Array of a member record: a log at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldArray {
    pub(super) log: usize,
    pub(super) operators: u32,
    pub(super) size: Size,
}

#[derive(Debug)]
pub(super) enum ArraysUndo {
    Operator(usize, ArrayUndo),
    Shown(ProfileNo, Box<str>, Option<usize>),
    Held(ProfileNo, Box<str>, Option<HeldArray>),
}

pub(super) enum CurrentArray {
    Nothing,
    Array(usize),
    Other,
}

pub(super) fn placeholder() -> Value {
    Value::Array(Vec::new())
}

pub(super) fn is_placeholder(value: &Value) -> bool {
    matches!(value, Value::Array(values) if values.is_empty())
}

fn put<T>(map: &mut Map<T>, no: ProfileNo, name: &str, value: Option<T>) -> Option<T> {
    match value {
        Some(value) => map.entry(no).or_default().insert(name.into(), value),
        None => map.get_mut(&no)?.remove(name),
    }
}

impl Arrays {
    pub(super) fn savepoint(&mut self) {
        self.undo.clear();
    }

    pub(super) fn roll_back(&mut self) {
        for undo in self.undo.drain(..).rev() {
            match undo {
                ArraysUndo::Operator(log, done) => self.logs[log].undo(done),
                ArraysUndo::Shown(no, name, before) => drop(put(&mut self.current, no, &name, before)),
                ArraysUndo::Held(no, name, before) => drop(put(&mut self.held, no, &name, before)),
            }
        }
    }

    pub(super) fn set_current(&mut self, no: ProfileNo, name: &str, log: Option<usize>) {
        if log.is_some() || self.current.contains_key(&no) {
            let before = put(&mut self.current, no, name, log);
            self.undo.push(ArraysUndo::Shown(no, name.into(), before));
        }
    }

    pub(super) fn set_record_array(&mut self, no: ProfileNo, name: &str, held: Option<HeldArray>) {
        if held.is_some() || self.held.contains_key(&no) {
            let before = put(&mut self.held, no, name, held);
            self.undo.push(ArraysUndo::Held(no, name.into(), before));
        }
    }

    pub(super) fn held_array(&self, record: ProfileNo, name: &str) -> Option<HeldArray> {
        self.held.get(&record)?.get(name).copied()
    }

    pub(super) fn value(&self, held: HeldArray) -> Option<Value> {
        self.logs[held.log].at(held.operators)
    }

    pub(super) fn is_value(&self, held: HeldArray, value: Option<&Value>) -> bool {
        self.logs[held.log].is_at(held.operators, value)
    }

    pub(super) fn forget(&mut self, place: WriteTarget, name: &str) {
        self.set_current(place.root, name, None);
        self.set_record_array(place.record, name, None);
    }

    /// Moves the filled arrays of a joined profile to the survivor and forgets the others.
    pub(super) fn join(&mut self, survivor: ProfileNo, merged: ProfileNo, filled: &[Box<str>]) {
        let current = self.current.get(&merged).into_iter().flatten();
        let moved: Vec<(Box<str>, usize)> = current.map(|(name, log)| (name.clone(), *log)).collect();
        if moved.is_empty() {
            return;
        }
        let filled: HashSet<&Box<str>> = filled.iter().collect();
        for (name, log) in moved {
            self.set_current(merged, &name, None);
            if filled.contains(&name) {
                self.set_current(survivor, &name, Some(log));
            }
        }
    }

    pub(super) fn fill_record(&self, profile: &mut MemberRecord) {
        for (name, held) in self.held.get(&profile.no).into_iter().flatten() {
            let write = profile.attributes.get(name).cloned();
            if let Some(mut write) = write.filter(|write| write.value.as_ref().is_some_and(is_placeholder)) {
                write.value = self.value(*held);
                profile.attributes.put_sized(name, Some(write), (Size::default(), Size::default()));
            }
        }
    }

    pub(super) fn fill_view(&self, root: ProfileNo, view: &mut View) {
        for (name, log) in self.current.get(&root).into_iter().flatten() {
            let log = &self.logs[*log];
            if let (Some(value), Some(array)) = (view.attributes.get_mut(name), log.at(log.operators()))
                && is_placeholder(value)
            {
                *value = array;
            }
        }
    }
}

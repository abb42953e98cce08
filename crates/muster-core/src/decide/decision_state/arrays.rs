//! Operators on the arrays of a live profile.

use super::{DecisionState, Known};
use crate::array::ArrayLog;
use crate::command::ArrayOperation;
use crate::decide::arrays::{ArraysUndo, CurrentArray, HeldArray};
use crate::decide::write_target::WriteTarget;
use crate::id::ProfileNo;
use crate::record::Size;
use crate::value::Value;

impl DecisionState<'_> {
    pub(in crate::decide) fn open_array(&mut self, place: WriteTarget, name: &str) -> Known<CurrentArray> {
        if let Some(log) = self.arrays.current.get(&place.root).and_then(|current| current.get(name)) {
            return Ok(CurrentArray::Array(*log));
        }
        let log = match self.current_attribute(place.root, name)? {
            None => return Ok(CurrentArray::Nothing),
            Some(Value::Array(values)) => ArrayLog::new(values),
            Some(_) => return Ok(CurrentArray::Other),
        };
        self.count_steps(log.len());
        let mark = self.arrays.undo.len();
        let number = self.begin_array(place, name, log);
        // If the current element has not changed the array, the log stays valid when the element fails.
        let written = self.record(place.record)?.attributes.get(name).is_some_and(|write| write.seq == place.seq);
        if !written && !self.has_merged() {
            self.arrays.undo.truncate(mark);
        }
        Ok(CurrentArray::Array(number))
    }

    /// Starts the log of the current array, or of an empty one.
    pub(in crate::decide) fn begin_array(&mut self, place: WriteTarget, name: &str, log: ArrayLog) -> usize {
        let number = self.arrays.logs.len();
        let stored = self.records.get(&place.record).flatten().and_then(|profile| profile.attributes.get(name));
        let stored = stored.and_then(|write| write.value.as_ref());
        let size = Size::new(name, Some(log.json_bytes()));
        let is_same = stored.is_some() && log.is_at(log.operators(), stored);
        self.arrays.logs.push(log);
        self.arrays.set_current(place.root, name, Some(number));
        if is_same {
            self.arrays.set_record_array(place.record, name, Some(HeldArray { log: number, operators: 0, size }));
        }
        number
    }

    /// Applies an operator to a log; returns how many values were cast or dropped.
    pub(in crate::decide) fn apply_operator(&mut self, log: usize, operation: &ArrayOperation) -> usize {
        let array = &mut self.arrays.logs[log];
        let done = if operation.add { array.add(&operation.values) } else { array.remove(&operation.values) };
        let mixed = done.mixed;
        self.arrays.undo.push(ArraysUndo::Operator(log, done));
        mixed
    }

    /// Returns the array of a log at this point; None if it has no values.
    pub(in crate::decide) fn current_array(&self, name: &str, log: usize) -> Option<HeldArray> {
        let array = &self.arrays.logs[log];
        let size = Size::new(name, Some(array.json_bytes()));
        (!array.is_empty()).then_some(HeldArray { log, operators: array.operators(), size })
    }

    pub(in crate::decide) fn holds_array(
        &mut self,
        record: ProfileNo,
        name: &str,
        now: Option<HeldArray>,
    ) -> Known<bool> {
        self.record(record)?;
        let stored = self.record_write(record, name).and_then(|write| write.value.as_ref());
        let Some(now) = now else { return Ok(stored.is_none()) };
        let held = self.arrays.held_array(record, name);
        let log = &self.arrays.logs[now.log];
        if held.is_some_and(|held| held.log == now.log && !log.has_changed_since(held.operators)) {
            return Ok(true);
        }
        let size = match held {
            Some(held) => Some(held.size),
            None => stored.map(|value| Size::new(name, Some(value.json_bytes()))),
        };
        if size != Some(now.size) {
            return Ok(false);
        }
        self.count_steps(self.arrays.logs[now.log].len());
        Ok(match held {
            Some(held) => self.arrays.is_value(now, self.arrays.value(held).as_ref()),
            None => {
                let stored = self.record_write(record, name);
                stored.is_some_and(|write| self.arrays.is_value(now, write.value.as_ref()))
            }
        })
    }

    pub(in crate::decide) fn set_array(&mut self, place: WriteTarget, name: &str, held: Option<HeldArray>) {
        self.arrays.set_current(place.root, name, held.map(|held| held.log));
        self.arrays.set_record_array(place.record, name, held);
    }
}

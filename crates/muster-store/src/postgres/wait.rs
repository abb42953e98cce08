//! Waiting for an answer of the database on the thread that asks: any thread may, those of a runtime among them.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future; None = it was not ready in time.
pub(super) fn until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut context, mut future) = (Context::from_waker(&waker), pin!(future));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

/// Runs futures side by side and starts them in their order, which is the order in which they reach the database.
pub(super) async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_done = true;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    // Fails when `until` waits without a deadline, or polls only once.
    #[test]
    fn what_is_ready_is_returned_and_what_never_is_ends_at_the_deadline() {
        let soon = || Instant::now() + Duration::from_millis(20);
        let mut polls = 0;
        let third = std::future::poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        });
        assert_eq!(until(soon() + Duration::from_secs(60), third), Some(3));
        assert_eq!(until(soon(), std::future::pending::<()>()), None);
    }

    // Fails when `in_order` waits for one before it starts the next.
    #[test]
    fn futures_are_started_in_their_order_before_any_has_ended() {
        let started = std::cell::RefCell::new(Vec::new());
        let of = |n: u8| {
            let started = &started;
            let mut polls = 0;
            std::future::poll_fn(move |context| {
                polls += 1;
                if polls == 1 {
                    started.borrow_mut().push(n);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready((n, started.borrow().len()))
            })
        };
        let ended = until(Instant::now() + Duration::from_secs(60), in_order((1..=3).map(of)));
        assert_eq!(ended, Some(vec![(1, 3), (2, 3), (3, 3)]));
        assert_eq!(*started.borrow(), [1, 2, 3]);
    }
}

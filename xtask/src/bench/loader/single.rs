//! Owns the yardstick N: a hand-rolled service that runs one statement an element, each in its own transaction. Leaves
//! connections and the course of a run to `loader.rs`.

use super::super::window::seconds_since_1970;
use super::rows::{LoadedBody, LoadedElement};
use anyhow::{Context, Result};
use tokio_postgres::{Client, Statement};

/// Fills N's users from G's preloaded ones.
pub(super) const COPY_USERS: &str = "insert into plain_users
    select c.value, m.value, e.value, u.attributes, u.last_seen, u.event_count
    from users u
    join identifiers c on c.user_id = u.id and c.kind = 0
    left join identifiers m on m.user_id = u.id and m.kind = 1
    left join identifiers e on e.user_id = u.id and e.kind = 2";

const CUSTOMER: &str = "insert into plain_users (customer_id, mobile, email, attributes, last_seen, event_count)
    values ($1, $2, $3, $4::text::jsonb, to_timestamp($5), 0)
    on conflict (customer_id) do update set
        mobile = coalesce(excluded.mobile, plain_users.mobile),
        email = coalesce(excluded.email, plain_users.email),
        attributes = plain_users.attributes || excluded.attributes,
        last_seen = greatest(plain_users.last_seen, excluded.last_seen)";

const EVENT: &str = "with u as (
        insert into plain_users (customer_id, attributes, last_seen, event_count)
        values ($1, '{}', to_timestamp($5), 1)
        on conflict (customer_id) do update set
            last_seen = greatest(plain_users.last_seen, excluded.last_seen),
            event_count = plain_users.event_count + 1
    )
    insert into plain_events (customer_id, name, attributes, platform, time, received_at, event_id)
    values ($1, $2, $3::text::jsonb, $4, to_timestamp($5), to_timestamp($6::float8), $7)
    on conflict (event_id) do nothing";

/// One connection of the service.
pub(super) struct Loader {
    client: Client,
    customer: Statement,
    event: Statement,
}

impl Loader {
    pub(super) async fn connect(client: Client) -> Result<Self> {
        let (customer, event) = (client.prepare(CUSTOMER).await?, client.prepare(EVENT).await?);
        Ok(Self { client, customer, event })
    }

    /// One request, element by element.
    pub(super) async fn load(&self, bytes: &[u8]) -> Result<()> {
        let body: LoadedBody<'_> = serde_json::from_slice(bytes).context("a body that is not JSON")?;
        let now = seconds_since_1970()?;
        for element in &body.elements {
            self.element(element, now).await?;
        }
        Ok(())
    }

    async fn element(&self, element: &LoadedElement<'_>, now: f64) -> Result<()> {
        let id = element.customer_id.context("N knows users by customer id only")?;
        if element.actions.is_empty() {
            let value = |kind: i16| element.keys().find(|key| key.0 == kind).map(|key| key.1);
            let attributes = serde_json::to_string(&element.attributes)?;
            self.client.execute(&self.customer, &[&id, &value(1), &value(2), &attributes, &now]).await?;
        }
        for action in &element.actions {
            let (attributes, time) = (serde_json::to_string(&action.attributes)?, action.current_time.unwrap_or(now));
            self.client
                .execute(
                    &self.event,
                    &[&id, &action.action, &attributes, &action.platform, &time, &now, &action.event_id],
                )
                .await?;
        }
        Ok(())
    }
}

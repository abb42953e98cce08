-- The tables of the hand-written loader G: what an able engineer would make for users, identifiers, events and a log.
create table users (
    id          bigint primary key,
    attributes  jsonb not null,
    first_seen  timestamptz not null,
    last_seen   timestamptz not null,
    event_count bigint not null
) with (fillfactor = 80);
create sequence user_ids increment 1000;
create table identifiers (
    kind    smallint not null,
    value   text not null,
    user_id bigint not null,
    primary key (kind, value)
);
create table events (
    id          bigserial primary key,
    user_id     bigint not null,
    name        text not null,
    attributes  jsonb not null,
    platform    text,
    time        timestamptz not null,
    received_at timestamptz not null,
    event_id    text unique
);
create index events_of_user on events (user_id, id);
create table requests (
    id          bigserial primary key,
    received_at timestamptz not null,
    elements    integer not null,
    bytes       integer not null
);
-- The tables of N, a service that runs one statement an element.
create table plain_users (
    customer_id text primary key,
    mobile      text unique,
    email       text unique,
    attributes  jsonb not null,
    last_seen   timestamptz not null,
    event_count bigint not null
);
create table plain_events (
    id          bigserial primary key,
    customer_id text not null,
    name        text not null,
    attributes  jsonb not null,
    platform    text,
    time        timestamptz not null,
    received_at timestamptz not null,
    event_id    text unique
);
create index plain_events_of_user on plain_events (customer_id, id);

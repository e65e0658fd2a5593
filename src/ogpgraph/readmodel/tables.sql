create table if not exists entry (
  position bigint primary key,
  log_position bigint not null unique,
  event_id text not null unique,
  stream text not null,
  revision bigint not null,
  name text not null,
  recorded_at text not null,
  actor text not null,
  cause text not null,
  source text,
  correlation text not null,
  envelope text not null,
  changes text not null,
  leaf text not null,
  root text not null,
  unique (stream, revision)
);
create index if not exists entry_time on entry (recorded_at);
create index if not exists entry_name on entry (name, position);
create index if not exists entry_cause on entry (cause, position);
create index if not exists entry_actor on entry (actor, position);
create index if not exists entry_source on entry (source, position);
create index if not exists entry_correlation on entry (correlation, position);

create table if not exists version (
  aggregate_type text not null,
  id text not null,
  since bigint not null,
  until bigint not null,
  revision bigint not null,
  code text not null,
  document text not null,
  primary key (id, since)
);
create index if not exists version_order on version (aggregate_type, code, id, since, until);

create table if not exists tag (
  aggregate_type text not null,
  id text not null,
  dimension text not null,
  value text not null,
  since bigint not null,
  until bigint not null,
  primary key (id, dimension, value, since)
);
create index if not exists tag_value on tag (aggregate_type, dimension, value, since, until, id);

create table if not exists projector (
  name text primary key,
  projection_version bigint not null,
  build bigint not null,
  log_position bigint not null,
  position bigint not null,
  frontier text not null
)

create table if not exists stream (
  key integer primary key,
  aggregate_type text not null,
  id text not null unique
);

create table if not exists term (
  key integer primary key,
  dimension text not null,
  value text not null,
  unique (dimension, value)
);

create table if not exists entry (
  position integer primary key,
  log_position bigint not null unique,
  event_hash bigint not null unique,
  stream integer not null,
  revision integer not null,
  recorded_at bigint not null,
  effective_after bigint,
  effective_before bigint not null,
  name integer not null,
  cause integer not null,
  actor integer not null,
  role integer not null,
  source integer,
  correlation integer not null,
  paths integer,
  root blob not null,
  unique (stream, revision)
);
create index if not exists entry_stream on entry (stream, position);
create index if not exists entry_time on entry (recorded_at);
create index if not exists entry_name on entry (name, position);
create index if not exists entry_cause on entry (cause, position);
create index if not exists entry_actor on entry (actor, position);
create index if not exists entry_role on entry (role, position);
create index if not exists entry_source on entry (source, position);
create index if not exists entry_correlation on entry (correlation, position);
create index if not exists entry_paths on entry (paths, position);
create index if not exists entry_effective on entry (effective_before, position);

create table if not exists path_set (
  path integer not null,
  paths integer not null,
  primary key (path, paths)
) without rowid;

create table if not exists version (
  position integer primary key,
  chain integer not null,
  code text not null,
  delta blob not null,
  frame blob,
  fold blob
);

create table if not exists stream_code (
  stream integer not null,
  since integer not null,
  code text not null,
  primary key (stream, since)
) without rowid;

create table if not exists tag (
  stream integer not null,
  term integer not null,
  since integer not null,
  until integer not null,
  first_day integer not null,
  end_day integer not null,
  primary key (stream, term, since, first_day)
) without rowid;
create index if not exists tag_term on tag (term, until, since, stream, first_day, end_day);

create table if not exists earlier_claim (
  stream integer not null,
  path integer not null,
  hash bigint not null,
  since integer not null,
  until integer not null,
  first_day integer not null,
  end_day integer not null,
  claim blob not null,
  primary key (stream, path, hash, since, first_day)
) without rowid;

create table if not exists searched_text (
  stream integer not null,
  path integer not null,
  reference blob not null,
  since integer not null,
  until integer not null,
  first_day integer not null,
  end_day integer not null,
  primary key (stream, path, reference, since, first_day)
) without rowid;

create table if not exists projector (
  name text primary key,
  projection_version bigint not null,
  build bigint not null,
  log_position bigint not null,
  position bigint not null,
  frontier text not null
)

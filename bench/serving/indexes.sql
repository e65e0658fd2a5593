-- The indexes that the operations use, made once the rows are there.

create index on plan (member_id);
create index on commitment (plan_id);
create index on commitment (member_code, completion);
create index on commitment (region);
create index on commitment using gin (policy_areas);
create index on milestone (commitment_id, place);
create index on rating (commitment_id, place);
create index on entry (commitment_id, position);
select setval(pg_get_serial_sequence('entry', 'position'), (select max(position) from entry));

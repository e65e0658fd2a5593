"""Operations compiled to plans: what a document says about every object of a kind is worked out once.

**The idea.** An executor that follows the specification looks up, for each field of each object: its definition, its
resolver, the values of its arguments, the type of what it returns, and the fields selected below. All of this depends
on the document and not on the object. So we write it down once as Python functions, have Python compile them, and call
them for each request. For the milestones of

    query ($code: String!) { commitment(code: $code) { code milestones { number status } actionPlan { title } } }

the function is, in full:

    def select_Milestone_3(source, run):
        if type(source) is not Milestone: refuse(source)
        run.objects += 1
        run.check_deadline()
        return {
            'number': v if type(v := source.number) is str else complete_String(v),
            'status': v._name_ if type(v := resolve_status(source)) is Status else complete_Status(v),
        }

There is one function for each object type and set of selected fields: fragments, inline fragments and fields selected
twice are merged when it is written. Arguments without variables are converted when the function is written; those with
variables once for each set of variables. `@skip` and `@include` decide which fields are selected, so there is a plan
for each combination of their conditions that occurs.

**What is kept.** A version of a commitment, and an entry, never changes. Nor does what a response has of it, as long as
that depends on nothing else, which each field declares (`ogpgraph.graphql.dependence`). So these fields are computed
by the functions once, encoded once, and kept by the position of the version: they are a *fragment*. Of the commitment
above it is

    {"code":"UY0901","milestones":[{"number":"1","status":"COMPLETE"}],"actionPlan":        the id of its plan        }

in pieces: what is between two pieces is *joined* for each reader. The plan's version at the position that is read is
looked up in memory, then the plan's own fragment. A list is a look-up of the versions that it has, then one of each
fragment; where none is missing, no object is made. A write makes a new version of what it changes, which has no
fragment yet; all others serve on. Ids name the position where a client asked for it: there a fragment has a gap, so
that one serves readers at all positions. An audit page is a concatenation of the fragments of its entries.

**What keeps it correct.** A plan knows one thing only: the response of an operation in which nothing goes wrong. A
value of an unexpected class, a null where none may be, an exception of a resolver, an argument that cannot be
converted: each of them ends it, and graphql-core executes the whole operation from the beginning. So which values
become null, the errors, their paths and their order are graphql-core's, always. Queries can be executed twice, because
they change nothing and read from one session. Of a mutation, which has one field then, the payload is written twice:
what its command has returned or raised is kept with the context. Not covered is what a function does not express:
introspection, resolvers that are asynchronous, have extensions or take more of `info` than its `context`. A field
without a declaration is evaluated for each reader, as is everything as of a day, which has no versions.

`writer` writes the functions, `leaves` completes scalars and enums, `arguments` converts what is passed to resolvers.
`planner` decides what is kept, joined, or left to the functions; `selections` and `fragments` are what it builds, and
write a response; `run` is one response that is written. `operation` keeps the plans of a document.
`ogpgraph.graphql.executor` decides between them and graphql-core. `tests/graphql/compiled` compares the two on random
operations, byte for byte, and `tests/graphql/test_dependence.py` proves the declarations.
"""

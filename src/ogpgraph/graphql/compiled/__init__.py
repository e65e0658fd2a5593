"""Operations compiled to functions: what a document says about every object of a kind is worked out once.

**The idea.** An executor that follows the specification looks up, for each field of each object: its definition, its
resolver, the values of its arguments, the type of what it returns, and the fields selected below. All of this depends
on the document and not on the object. So we write it down once as a Python function, have Python compile it, and call
it for each request. For

    query ($code: String!) { commitment(code: $code) { code milestones { number status } } }

the function is, in full:

    def Milestone_3(source, run):
        if type(source) is not Milestone: refuse(source)
        run.check()
        return {
            'number': v if type(v := source.number) is str else complete_String(v),
            'status': v._name_ if type(v := resolve_status(source)) is Status else complete_Status(v),
        }

    def Commitment_2(source, run):
        if type(source) is not Commitment: refuse(source)
        run.check()
        return {
            'code': v if type(v := resolve_code(source)) is str or v is None else complete_String(v),
            'milestones': [Milestone_3(each, run) for each in items(resolve_milestones(source))],
        }

    def Query_1(source, run):
        run.check()
        return {
            'commitment': None if (v := resolve_commitment(source, info=run, **run.arguments[0])) is None
            else Commitment_2(v, run),
        }

There is one function for each object type and set of selected fields: fragments, inline fragments and fields selected
twice are merged when it is written, and where a field returns an interface, a dictionary leads from the class of an
object to its function. Arguments without variables are converted when the function is written; those with variables
once for each request, before the function is called. `@skip` and `@include` decide which fields are selected, so there
is a function for each combination of their conditions that occurs.

**What keeps it correct.** The function knows one thing only: the response of an operation in which nothing goes wrong.
A value of an unexpected class, a null where none may be, an exception of a resolver, an argument that cannot be
converted: each of them ends the function, and graphql-core executes the whole operation from the beginning. So which
values become null, the errors, their paths and their order are graphql-core's, always. Queries can be executed twice,
because they change nothing and read from one session; mutations are never compiled. Nor is what a function does not
express: introspection, resolvers that are asynchronous, have extensions or take more of `info` than its `context`.

`writer` writes the source, `leaves` has the functions that complete the values of scalars and enums, `operation` keeps
the functions of a document and calls them. `ogpgraph.graphql.executor` decides between them and graphql-core.
`tests/graphql/compiled` compares the two on random operations, byte for byte.
"""

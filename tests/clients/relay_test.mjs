import { createOperationDescriptor, fetchQuery, getRequest } from "relay-runtime";
import COMPARISON from "./__generated__/commitmentComparisonQuery.graphql.js";
import SIDE_BY_SIDE from "./__generated__/commitmentSideBySideQuery.graphql.js";
import { environment, follow } from "./environment.mjs";
import { verify } from "./contract.mjs";

const look = (variables) => environment.lookup(createOperationDescriptor(getRequest(SIDE_BY_SIDE), variables).fragment);

verify({
  watch: async (variables, show) => {
    const operation = createOperationDescriptor(getRequest(SIDE_BY_SIDE), variables);
    environment.retain(operation);
    show(await fetchQuery(environment, SIDE_BY_SIDE, variables).toPromise());
    environment.subscribe(look(variables), ({ data }) => show(data));
  },
  follow,
  compare: (variables) => fetchQuery(environment, COMPARISON, variables).toPromise(),
  cached: (variables) => look(variables).data,
});

"""Web pages for people: one template and one GraphQL document for each page.

`pages` declares the pages. A request becomes variables (`page_request`, `views`), the document is executed at the
moment that the request names by the same service as any client's operation (`endpoint`), and its template shows the
data (`rendering`). So whatever a page shows, programs can query, at the same position, with the same rights and cost.
"""

"""Read published commitment pages: bytes in, facts with their positions in the text out; nothing is stored.

- `page` reads a page. Before that, `canonical`, `markup` and `wrapping` make its text; `language` chooses its language.
- Its zones: `top`, `header` and `header_facts`, `roadmap`, `irm_summary` and `summary_labels`, `prose`, `sibling_list`.
- Words of the languages: `page_words`, `labels`, `label_matching` and `member_names`.
- `text` and `values` read pieces of text; `extraction` is what is found.
"""

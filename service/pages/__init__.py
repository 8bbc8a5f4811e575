"""The pages: what the catalog answers, for people. Each is rendered here, works without JavaScript and is better with it.

page          what a page is: its address, its template, its view
table         all pages, from which navigation, links and routes come
asking        what a view asks of the catalog, and what of it may be shown
wording       an answer as a command, as Python and as an address
rendering     templates, and how values stand in them
responding    from a request to a page, or to the page of an error
static_files  style sheet, modules and pictures, under the digest of their content
palette       every colour, in both modes
charts        the library's charts, as pictures and for Vega
pictures      many cells as one small PNG
drawing       what answers the addresses of pictures
views/        a typed view of each page, made from answers
questions/    forms and their answers: search, trace, compare, studies, jobs
templates/    one a page, and what they share
static/       style, modules, icon
"""

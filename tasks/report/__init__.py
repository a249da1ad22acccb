"""What a person looks at, drawn from artefacts. Nothing here changes an artefact.

Where it is seen        what                                                file
terminal                `pivotrl ls`                                        listing.py
                        `pivotrl show`                                      description.py
                        `pivotrl diff`                                      difference.py
                        the tables at the end of `pivotrl run`              run.py
                        the table at the end of `pivotrl compare`           comparison.py
Prefect's UI            the card of an artefact                             card.py, its plots card_plots.py
                        the link from a card of pivots to its page          browser_link.py
                        the card of a comparison                            comparison.py
                        the plot of a training that goes on                 plots.py
HTML page in _reports   the pivot browser, also by `pivotrl report`         browser.py, browser.html
                        the report of a run                                 run.py

What these share: plots.py (figures as data URIs), markdown.py (tables and values), improvement.py (a candidate's pass
rates against its base's, which the gate of `promote` reads too).

Each command's file has a function that gives a plain dictionary, which `--json` prints, and `text`, which puts the same
into words.
"""

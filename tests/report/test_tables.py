"""One table in four dialects, with the characters that break each."""

from __future__ import annotations

import csv
import io

from engine.report.tables import Table, as_csv, as_html, as_latex, as_markdown

TABLE = Table("t", "Spaces & phrases", ("space", "n"), (('L[aux,1] in {through, "x"}', "50 % ± 1"), ("a|b_c", "y->1 <2")))


def test_csv_reads_back() -> None:
    assert list(csv.reader(io.StringIO(as_csv(TABLE)))) == [list(TABLE.columns), *map(list, TABLE.rows)]


def test_latex_escapes_and_has_booktabs_rules() -> None:
    text = as_latex(TABLE)
    assert r"L[aux,1] in \{through, " in text
    assert r"50 \% $\pm$ 1" in text
    assert r"a|b\_c & y$\rightarrow$1 \textless{}2 \\" in text
    assert r"\caption{Spaces \& phrases}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"\begin{tabular}{lr}" in text


def test_html_and_markdown_escape() -> None:
    assert "<td>a|b_c</td>" in as_html(TABLE)
    assert '<td class="n">y-&gt;1 &lt;2</td>' in as_html(TABLE)
    assert r"| a\|b_c | y->1 <2 |" in as_markdown(TABLE)

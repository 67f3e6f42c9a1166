"""Findings are counted without end and kept within bounds."""

from __future__ import annotations

from interact_ledger.audit.findings import KEPT_PER_CODE_MAX, Finding, Findings


def test_all_findings_are_counted_and_the_first_of_each_code_are_kept():
    findings = Findings()
    findings.extend(Finding("overdrawn", "acct", version, "m") for version in range(KEPT_PER_CODE_MAX + 5))
    findings.add(Finding("capture_late", "acct", None, "m"))
    assert findings.counts == {"overdrawn": KEPT_PER_CODE_MAX + 5, "capture_late": 1}
    assert len(findings.kept) == KEPT_PER_CODE_MAX + 1


def test_only_what_a_person_decides_is_for_attention_only():
    assert Finding("capture_late", "acct", 1, "m").needs_attention_only
    assert not Finding("chain_broken", "acct", 1, "m").needs_attention_only

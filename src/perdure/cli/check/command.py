"""``perdure check``, from the command line to the exit status."""

from __future__ import annotations

from perdure.cli.options import FORM, Form


def check(*file: str, form: Form = FORM) -> int:
    """Find mistakes in the code of jobs, without running it.

    Exits with 1 if there are any. A line that ends with # perdure: ignore, or # perdure: ignore[RULE], is left alone.

    Args:
        file: A Python file, or a folder with some; without any, this folder.
    """
    from perdure.cli.check.files import check_file, python_files
    from perdure.cli.output import Output, note

    output = Output(as_json=form.json)
    files = python_files(file or (".",))
    found = [finding for path in files for finding in check_file(path)]
    if output.as_json:
        output.value(found)
        return 1 if found else 0
    for finding in found:
        if output.for_people:
            output.line(f"{finding.place}  {finding.rule}\n    {finding.message}", first=(finding.rule,))
        else:
            output.line(f"{finding.place}\t{finding.rule}\t{finding.message}")
    if output.for_people:
        counted = f"{len(found) or 'No'} mistake{'' if len(found) == 1 else 's'}"
        note(f"{counted} in {len(files)} file{'' if len(files) == 1 else 's'}.")
    return 1 if found else 0

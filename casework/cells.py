"""Cells of an office's spreadsheet → values: names, numbers, days, lists. Pure.

What is refused raises ``ValueError`` with a reason for staff; the reason never repeats the cell.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from datetime import date
from functools import lru_cache

import phonenumbers

from core.errors import BadInput

_SIP = re.compile(r"sips?:[A-Za-z0-9_.!~*'()&=+$,;?/%-]+@[A-Za-z0-9.\-\[\]:]+(;[A-Za-z0-9=.\-]+)*")
_NAME_CHARS = re.compile(r"[^\W\d_]([^\W\d_]|[·•.\-' ]){0,39}")
# What cleaning leaves as it is; most cells of a register are so.
_PLAIN = re.compile(r"[0-9A-Za-z一-鿿、。-]*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def decode(data: bytes) -> str:
    """Decode a file from a spreadsheet. Raises ``BadInput`` for anything that is not text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadInput("the list is neither UTF-8 nor GBK text", hint="save it as CSV, not as a workbook")


def read_name(text: str) -> str:
    """Return a person's name."""
    if not text:
        raise ValueError("姓名：空")
    if text.startswith(_FORMULA) or not _NAME_CHARS.fullmatch(text):
        raise ValueError("姓名：含有姓名中不会出现的字符")
    return text


def read_address(text: str) -> str:
    """Return a SIP URI as it is, or a mainland number as it is dialled inside the country."""
    if len(text) == 11 and text.isdigit() and _is_mobile_prefix(text[:5]):
        return text
    if not text:
        raise ValueError("号码：空")
    if text.lower().startswith(("sip:", "sips:")):
        if not _SIP.fullmatch(text):
            raise ValueError("号码：不是有效的 SIP 地址")
        return text
    if re.fullmatch(r"\d(\.\d+)?[Ee]\+?\d+", text):
        raise ValueError("号码：被表格软件改成了科学计数法，请把该列设为文本")
    number = re.sub(r"\.0$", "", text.lstrip("'"))
    try:
        parsed = phonenumbers.parse(number, "CN")
    except phonenumbers.NumberParseException:
        raise ValueError("号码：不是电话号码") from None
    if parsed.country_code != 86 or not phonenumbers.is_valid_number(parsed):
        raise ValueError("号码：不是中国内地的有效号码")
    national = phonenumbers.national_significant_number(parsed)
    mobile = len(national) == 11 and national.startswith("1")
    return national if mobile else f"0{national}"


@lru_cache(maxsize=10_000)
def _is_mobile_prefix(digits: str) -> bool:
    """Whether mobile numbers begin so: the numbering plan assigns them by their first five digits.

    Parsing every number of a city's register would take longer than storing it.
    """
    if not digits.startswith("1") or not digits.isascii():
        return False
    parsed = phonenumbers.parse(f"{digits}000000", "CN")
    return bool(phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE)


def clean(cell: str) -> str:
    """Full-width forms become plain, control and zero-width characters go, ends are trimmed."""
    if _PLAIN.fullmatch(cell):
        return cell
    plain = unicodedata.normalize("NFKC", cell)
    return "".join(c for c in plain if unicodedata.category(c) not in {"Cc", "Cf"}).strip()


def read_words(text: str) -> str:
    """Return free text, unless a spreadsheet would run it as a formula."""
    if text.startswith(_FORMULA):
        raise ValueError("以公式符号开头")
    return text


def neutral(cell: str) -> str:
    """Return a cell for a CSV file that a spreadsheet program shows and does not run.

    OWASP: CSV injection. What begins like a formula, also behind spaces, gets an apostrophe in front.
    """
    return f"'{cell}" if cell.lstrip(" \u3000").startswith(_FORMULA) or cell.startswith(_FORMULA) else cell


def read_list_of_words(text: str) -> list[str]:
    """Split what is joined by the usual marks: ``厨师、保安``."""
    return [read_words(part.strip()) for part in re.split(r"[、,，;；/|]", text) if part.strip()]


def read_day(text: str) -> str:
    """Return ``2026-03-01``, or ``2026-03`` when only the month is given."""
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})([-/.月](\d{1,2})日?|月)?", text)
    if not match:
        raise ValueError("不是日期（应如 2026-03-01）")
    year, month, day = int(match[1]), int(match[2]), int(match[4] or 1)
    # Spreadsheets turn an empty or zero cell into a day of 1899 or 1900.
    try:
        plausible = 1950 <= date(year, month, day).year <= 2100
    except ValueError:
        plausible = False
    if not plausible:
        raise ValueError("日期不合理")
    return f"{year:04d}-{month:02d}-{day:02d}" if match[4] else f"{year:04d}-{month:02d}"

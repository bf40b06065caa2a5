"""How long a city's register takes: `python -m benchmarks.register [--rows N] [--database URL] [--xlsx]`.

Makes a list of invented people in the offices' own columns, then runs `nuanye register import` on it
twice, in a process of its own: everybody new, everybody known.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from casework.register.rows import check_character

HEADER = ("姓名", "身份证号", "手机号码", "区", "街道", "失业登记日期", "学历", "技能", "备注")
_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉萍红鹏飞鑫波斌宇浩凯健俊帆"
_DISTRICTS = ["荔湾", "越秀", "海珠", "天河", "白云", "黄埔", "番禺", "花都", "南沙", "从化", "增城"]
_SKILLS = ("电工", "家政", "厨师", "叉车", "会计", "保安", "焊工、钳工", "")


def people(rows: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Give invented people; numbers run on from 138 0000 0000, none is anybody's by intent."""
    chance = random.Random(seed)
    for number in range(rows):
        # A thousand people per day of birth: nobody's number is another's.
        born = date(1970, 1, 1) + timedelta(days=number // 1000)
        digits = f"440106{born:%Y%m%d}{number % 1000:03}"
        district = chance.choice(_DISTRICTS)
        yield (
            chance.choice(_FAMILY) + chance.choice(_GIVEN) + chance.choice(_GIVEN),
            digits + check_character(digits),
            f"138{number:08}",
            f"{district}区",
            f"{district}街道{chance.randint(1, 20)}",
            f"2026-{chance.randint(1, 10):02}-{chance.randint(1, 28):02}",
            chance.choice(("初中", "高中", "中专", "大专", "本科")),
            chance.choice(_SKILLS),
            "" if number % 5 else "家中有老人要照顾",
        )


def write(path: Path, rows: int) -> None:
    """Write the list as CSV in GBK, as offices' programs do, or as a workbook."""
    if path.suffix == ".csv":
        with path.open("w", encoding="gb18030", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(people(rows, 1))
        return
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("名册")
    sheet.append(HEADER)
    for row in people(rows, 1):
        sheet.append(row)
    book.save(path)


def main() -> int:
    """Run both imports and print what each said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=340_000)
    parser.add_argument("--database", default="", help="an SQLAlchemy URL; default: a new SQLite file")
    parser.add_argument("--xlsx", action="store_true", help="a workbook instead of CSV")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("list.xlsx" if chosen.xlsx else "list.csv")
        write(path, chosen.rows)
        database = chosen.database or f"sqlite+aiosqlite:///{folder}/register.db"
        command = [
            sys.executable,
            "-m",
            "nuanye",
            "register",
            "import",
            path,
            "--database",
            database,
            "--json",
        ]
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"load {os.getloadavg()[0]:.1f}", json.dumps(json.loads(done.stdout), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

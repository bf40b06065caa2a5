"""What a citizen reads and hears for each kind of entry."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from bot.answers import FACETS, ask_choices, detect_facet, opening_facet, unknown
from bot.answers.speech import number_words, telephone_words, to_speech
from bot.knowledge import PolicyEntry
from bot.knowledge.dates import written
from bot.knowledge.numbers import stated, unsupported
from bot.retrieval import Candidate
from tests.bot.policy import HOTLINE, TODAY, answer, entries, entry, phrases

CHANNELS = ("web", "phone")
ALL = [(item, facet) for item in entries() for facet in (None, *FACETS)]
STAFF_TALK = re.compile(
    r"本库|种子|答复时|勿|不要报|不报(?=任何|数字|具体|金额)|verify|snapshot|未核|正文未见|工具库|代码库"
)


def of_status(status: str) -> list[PolicyEntry]:
    return [item for item in entries() if item.status == status]


def sentences(text: str) -> int:
    return len(re.findall(r"[。！？]", text))


def own_numbers(item: PolicyEntry) -> frozenset[Decimal]:
    texts = [item.title, item.region, item.summary, item.deadline_or_period, item.as_of, *item.amount]
    texts += [*item.eligibility, *item.how_to_apply, *item.materials, *item.basis]
    texts += [source.title for source in item.source] + [source.date for source in item.source]
    return stated("\n".join(texts)) | {Decimal(HOTLINE)}


def without_links(text: str) -> str:
    return re.sub(r"https?://\S+", "", text)


def test_the_overview_says_what_how_much_how_and_on_what_it_rests() -> None:
    """Summary, amount, way to apply, document with number, as-of date and source are all there."""
    reply = answer(entry("emp_expand_2026"))
    assert "每招1人最多补1500元" in reply.text
    assert "多少：每人不超过1500元" in reply.text
    assert "怎么办：广东一般通过线上比对" in reply.text
    assert "人社部发〔2026〕39号" in reply.text
    assert "资料日期：2026年6月18日" in reply.text
    assert "来源：" not in reply.text
    assert "来源：" in answer(entry("emp_expand_2026"), channel="wechat").text
    assert reply.sources[0].document == "人社部发〔2026〕39号"
    assert reply.sources[0].as_of == "2026-06-18"


def test_no_answer_states_a_number_that_its_entry_does_not() -> None:
    """Every numeral of every answer, written and spoken, occurs in the entry (or is the hotline)."""
    for item, facet in ALL:
        reply = answer(item, facet)
        allowed = own_numbers(item)
        heading_free = without_links(reply.text)
        assert unsupported(heading_free, allowed) == [], (item.id, facet, "written")
        assert unsupported(reply.spoken, allowed | {Decimal("12345"), Decimal("12393")}) == [], (
            item.id,
            facet,
            "spoken",
        )


def test_every_answer_names_document_date_and_source() -> None:
    """The first answering rule holds for every entry and facet."""
    for item, facet in ALL:
        text = answer(item, facet, channel="wecom").text
        assert "资料日期：" + written(item.as_of) in text, (item.id, facet)
        assert "来源：" in text
        assert item.wording.shown(item.basis[0])[:8] in without_links(text).replace("年", "-", 0), item.id


def test_spoken_answers_are_short_and_can_be_said() -> None:
    """At most two sentences, no digits, brackets or links, for every entry and facet."""
    for item, facet in ALL:
        spoken = answer(item, facet, "phone").spoken
        assert 1 <= sentences(spoken) <= 2, (item.id, facet, spoken)
        assert len(spoken) <= 125, (item.id, facet, len(spoken))
        assert not re.search(r"[0-9（）()\[\]【】〔〕《》<>]|http", spoken), (item.id, facet, spoken)


def test_no_answer_speaks_to_staff() -> None:
    """Remarks meant for the keepers of the knowledge never reach a citizen."""
    for item, facet in ALL:
        reply = answer(item, facet)
        found = STAFF_TALK.search(without_links(reply.text) + reply.spoken)
        assert found is None, (item.id, facet, found)


@pytest.mark.parametrize("channel", CHANNELS)
def test_verify_entries_ask_to_be_verified(channel: str) -> None:
    """A verify answer carries the caution with the hotline, written and spoken."""
    assert of_status("verify")
    for item in of_status("verify"):
        reply = answer(item, channel=channel)
        assert "以现行办事指南为准，可打12333核实" in reply.text, item.id
        assert "以现行办事指南为准，可以打幺二三三三核实" in reply.spoken, item.id
        assert "以现行办事指南为准" in answer(item, "amount", channel).spoken


@pytest.mark.parametrize("channel", CHANNELS)
def test_expired_entries_say_first_that_they_have_ended(channel: str) -> None:
    """An expired policy is never described as available, on either channel, for any facet."""
    assert of_status("expired")
    for item in of_status("expired"):
        for facet in (None, "amount", "how", "materials"):
            reply = answer(item, facet, channel)
            assert reply.text.startswith("这项政策已停止"), (item.id, facet)
            assert not re.search(r"可申请|可以申请", reply.spoken), (item.id, facet)
        assert re.search(r"停止|没有了|截止", answer(item, None, channel).spoken), item.id
        assert "多少：" not in answer(item, None, channel).text


@pytest.mark.parametrize("channel", CHANNELS)
def test_snapshots_say_as_of_when(channel: str) -> None:
    """A snapshot is dated before its content, written and spoken."""
    assert of_status("snapshot")
    for item in of_status("snapshot"):
        for facet in (None, "amount"):
            reply = answer(item, facet, channel)
            assert reply.text.startswith(f"以下情况截至{written(item.as_of)}"), item.id
            assert "截至" in reply.spoken or "没有查到" in reply.spoken, (item.id, facet)


def test_a_current_policy_past_its_own_end_must_be_verified() -> None:
    """After the last day that its text names, a current entry is answered with the caution."""
    item = entry("emp_stab_2026")
    assert "核实" not in answer(item, today=date(2026, 12, 31)).text
    late = answer(item, today=date(2027, 1, 1))
    assert "以现行办事指南为准，可打12333核实" in late.text
    assert "核实" in late.spoken
    assert sentences(late.spoken) == 2


def test_hidden_links_are_never_handed_out() -> None:
    """No URL of a source with show_link false appears in any answer or its sources."""
    for item in entries():
        hidden = {source.url for source in item.source if not source.show_link and source.url}
        shown = {source.url for source in item.source if source.show_link}
        reply = answer(item)
        linked = {source.url for source in reply.sources if source.url}
        assert linked <= shown, item.id
        assert not any(url in reply.text for url in hidden - shown), item.id
        named = answer(item, channel="wechat").text
        assert all(not source.url or source.url in named for source in reply.sources[:1]), item.id


def test_the_chat_page_does_not_repeat_what_its_sources_show() -> None:
    """No address stands in a web answer, and no document with its date stands twice in its sources."""
    for item, facet in ALL:
        reply = answer(item, facet)
        # An address that is itself the answer (where to apply) stays.
        assert "http" not in reply.text.replace(item.summary, ""), (item.id, facet)
        assert "来源：" not in reply.text, (item.id, facet)
        shown = [(source.document, source.as_of) for source in reply.sources if source.document]
        assert len(shown) == len(set(shown)), (item.id, facet)


def test_a_facet_is_answered_in_full() -> None:
    """What the overview shortens, the facet shows completely, under its heading."""
    item = entry("hardship_categories")
    reply = answer(item, "eligibility")
    assert reply.text.startswith("哪些人可以认定为就业困难人员·谁可以办")
    for condition in item.eligibility[:10]:
        assert condition in reply.text


def test_a_facet_that_the_entry_leaves_open_is_not_made_up() -> None:
    """An empty field is admitted, with the hotline, written and spoken."""
    reply = answer(entry("law_retire"), "amount")
    assert "没有查到，请打12333" in reply.text
    assert "没有查到，请打幺二三三三" in reply.spoken


def test_buttons_offer_open_facets_and_related_policies() -> None:
    """Buttons lead to what was not shown and to see_also; the telephone has none."""
    reply = answer(entry("startup_grant"))
    titles = [button.title for button in reply.buttons]
    assert "要带什么" in titles
    assert "创业租金补贴" in titles
    assert len(titles) <= 5
    assert answer(entry("startup_grant"), channel="phone").buttons == ()


def test_every_facet_button_is_understood_as_that_facet() -> None:
    """The text that a facet button sends is detected as the facet it offers."""
    labels = {phrases().say(f"facet_{facet}"): facet for facet in FACETS}
    for item in entries():
        for button in answer(item).buttons:
            if button.title in labels and detect_facet(item.short_title) is None:
                assert detect_facet(button.text) == labels[button.title], button.text


@pytest.mark.parametrize(
    ("question", "facet"),
    [
        ("要带什么材料？", "materials"),
        ("點樣申請㗎", "how"),
        ("喺边度办", "where"),
        ("几多钱一个月", "amount"),
        ("我符合条件吗", "eligibility"),
        ("几时截止", "when"),
        ("依据是哪份文件", "basis"),
        ("三支一扶是什么", "what"),
        ("你好", None),
        ("", None),
    ],
)
def test_facets_are_detected_in_mandarin_and_cantonese(question: str, facet: str | None) -> None:
    """A follow-up names the side of the policy it is about."""
    assert detect_facet(question) == facet


def test_the_opening_question_gets_the_overview_unless_it_asks_for_detail() -> None:
    """Amount and way to apply are part of the overview; materials are not."""
    assert opening_facet("失业登记要带什么材料") == "materials"
    assert opening_facet("失业金多少钱") is None
    assert opening_facet("失业金怎么申请") is None


def test_a_choice_offers_three_titles_and_a_way_out() -> None:
    """您想问的是 lists at most three entries; pressing one sends its title."""
    candidates = [Candidate(item.id, 1.0, 0.3) for item in entries()[:5]]
    reply = ask_choices(candidates, entries(), phrases=phrases())
    assert reply.text.startswith("您想问的是：\n1. 一次性扩岗补助（2026年）\n2. ")
    assert [button.text for button in reply.buttons] == [
        *(item.title for item in entries()[:3]),
        "都不是",
    ]
    assert reply.spoken == "您想问的是一次性扩岗补助，还是稳岗返还，还是招就业困难人员社保补贴？"


def test_a_single_candidate_is_asked_without_or() -> None:
    """One candidate makes a yes-or-no question."""
    reply = ask_choices([Candidate("ui_duration", 1.0, 0.4)], entries(), phrases=phrases())
    assert reply.spoken == "您想问的是失业金领几个月？"


def test_not_knowing_is_said_and_a_person_offered() -> None:
    """The unknown reply names the hotline, offers staff and claims no source."""
    reply = unknown(phrases=phrases(), hotline="020-123")
    assert "020-123" in reply.text
    assert [button.text for button in reply.buttons] == ["转人工"]
    assert reply.sources == ()
    assert "转人工" in reply.spoken


@pytest.mark.parametrize(
    ("written_form", "said"),
    [
        ("2680元×90%＝2412元/月", "两千六百八十元乘以百分之九十等于两千四百一十二元每月"),
        ("人社部发〔2026〕39号", "人社部发二零二六年第三十九号"),
        ("每月按实际缴费额的2/3（先缴后补）", "每月按实际缴费额的三分之二"),
        ("单月1—20日", "单月一到二十日"),
        ("自2026-09-01起", "自二零二六年九月一日起"),
        ("打12345转医保", "打幺二三四五转医保"),
        ("最长2年、20500元、100000元", "最长两年、两万零五百元、十万元"),
        ("见https://example.gov.cn/a 办理", "见办理"),
    ],
)
def test_written_text_becomes_speech(written_form: str, said: str) -> None:
    """Symbols, dates, document numbers and amounts are said as a person would."""
    assert to_speech(written_form) == said


def test_numbers_and_telephone_numbers_in_words() -> None:
    """Amounts are read as amounts, telephone numbers digit by digit."""
    assert number_words("1010") == "一千零一十"
    assert number_words("340000") == "三十四万"
    assert number_words("0") == "零"
    assert telephone_words("12333") == "幺二三三三"
    assert TODAY.year == 2026

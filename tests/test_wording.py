"""The only room that phrases a question: what is shown, in which order, and what each candidate stands for."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from selfscope.errors import BadInput
from selfscope.records import Message, Option, Prompt, Question, Trial, content_hash
from selfscope.wording import FORMATS, TEMPLATES, Shot, fits, phrase, question_text
from selfscope.wording.phrases import FRAMINGS, PERSONS, PHRASES
from selfscope.wording.target_prompts import target_prompt

YES_NO = (Option("yes", "yes"), Option("no", "no"))
FOUR = tuple(Option(k, k) for k in ("red", "blue", "green", "other"))
ARGUMENTS = {
    "threshold": 50, "other": "apple", "word": "cat", "answer": "Rome", "statement": "Snow is white.",
    "thing": "the country in this text", "attribute": "the capital city", "listed": "yes, no",
}  # fmt: skip


def trial(quantity: str = "ends_with_vowel", options: tuple[Option, ...] = YES_NO, **fields: object) -> Trial:
    question = Question(quantity, options, arguments=ARGUMENTS)
    prompt = Prompt(messages=(Message("user", "Name an animal."),), tag={"role": "behave"})
    return replace(
        Trial("t", "self_prediction", "s", "c", "k", "test", question, prompt, "Name an animal.", "o"), **fields
    )


def ask(t: Trial, **fields: object) -> Trial:
    return replace(t, question=replace(t.question, **fields))


def said(t: Trial, format: str, **how: bool) -> str:
    prompt = phrase(t, format, **how).prompt
    return prompt.text or "\n".join(m.content for m in prompt.messages)


@pytest.mark.parametrize("quantity", sorted(PHRASES))
@pytest.mark.parametrize("person", sorted(PERSONS))
def test_every_quantity_person_template_and_format_is_short_and_complete(quantity: str, person: str) -> None:
    for options, template, format in itertools.product((YES_NO, FOUR), range(TEMPLATES), FORMATS):
        t = ask(trial(quantity, options), person=person, template=template)
        if not fits(t.question, format) or (options is YES_NO and not PHRASES[quantity].yes):
            continue
        text = said(t, format)
        assert "{" not in text
        assert "}" not in text
        assert len(text.split()) - len(t.public.split()) <= 75
        if format in ("free", "choice_lp"):
            assert all(o.text in text for o in options)


def test_templates_persons_framings_and_flips_all_read_differently() -> None:
    t = trial()
    texts = [
        said(ask(t, template=i, person=p, negated=f, framing=g), "choice_lp")
        for i in range(TEMPLATES)
        for p in PERSONS
        for f in (False, True)
        for g in FRAMINGS
    ]
    assert len(set(texts)) == len(texts)


def test_third_person_never_says_you_and_names_the_target() -> None:
    for quantity in ("ends_with_vowel", "correct_before", "correct_after", "next_word"):
        for template in range(TEMPLATES):
            t = trial(quantity)
            t = ask(t, person="target", template=template, arguments={**ARGUMENTS, "target": "gemma"})
            words = said(t, "yesno_lp").lower().replace("?", " ").split()
            assert "you" not in words
            assert "your" not in words
            assert "gemma" in said(t, "yesno_lp")


def test_options_stand_in_the_shown_order_and_candidates_in_canonical_order() -> None:
    t = ask(trial("option", FOUR), order=(2, 0, 3, 1))
    asked = phrase(t, "choice_lp")
    assert "green | red | other | blue" in said(t, "choice_lp")
    assert asked.first == 2
    assert asked.candidates == (" red", " blue", " green", " other")
    assert asked.option_index == (0, 1, 2, 3)


def test_options_that_begin_each_other_get_an_end() -> None:
    t = trial("word_count", tuple(Option(k, k) for k in ("1", "10", "2")))
    assert phrase(t, "choice_lp").candidates == (" 1.", " 10.", " 2.")


def test_negated_wording_turns_yes_into_no() -> None:
    t = ask(trial(), negated=True)
    assert "something other than a vowel" in said(t, "yesno_lp")
    yesno = phrase(t, "yesno_lp")
    assert yesno.first == 1
    assert dict(zip(yesno.candidates or (), yesno.option_index))[" Yes"] == 1
    number = phrase(t, "prob_ev")
    assert dict(zip(number.candidates or (), number.option_index))[" 30%"] == 70
    assert len(number.candidates or ()) == 101
    # choice: the word "no" now stands for canonical "yes"
    assert phrase(t, "choice_lp").candidates == (" no", " yes")
    assert phrase(ask(t, order=(1, 0)), "choice_lp").first == 1
    assert "yes | no" in said(ask(t, order=(1, 0)), "choice_lp")


def test_the_state_is_there_for_the_subject_and_hidden_from_others() -> None:
    t = trial(state="changed:0")
    t = replace(t, prompt=replace(t.prompt, messages=(Message("system", "SECRET zebra"), *t.prompt.messages)))
    own = phrase(t, "choice_lp").prompt
    other = phrase(t, "choice_lp", hide_state=True).prompt
    assert own.messages[0] == Message("system", "SECRET zebra")
    assert own.tag["state"] == "changed:0"
    assert "SECRET" not in repr(other)
    assert "SECRET" not in "".join(m.content for m in own.messages[1:])
    assert "SECRET" in (phrase(t, "choice_lp", chat=False).prompt.text or "")


@pytest.mark.parametrize("placement", ["same", "fresh"])
def test_a_report_is_asked_under_the_mask_of_its_object(placement: str) -> None:
    t = ask(trial(), placement=placement)
    turns = (Message("user", "Name an animal.", secret=True), Message("assistant", "zebra", secret=True))
    prompt = replace(t.prompt, messages=(*turns, *t.prompt.messages), context=2, masked="Name an animal.")
    t = replace(t, prompt=prompt)
    asked = [phrase(t, "choice_lp").prompt, phrase(t, "choice_lp", chat=False).prompt]
    for own in asked:  # a mask needs messages, of a base model too: it makes a transcript of them
        assert own.masked == "Name an animal."
        assert own.messages[:2] == turns
        assert "Name an animal." in own.messages[-1].content
    other = phrase(t, "choice_lp", hide_state=True).prompt
    assert (other.masked, any(m.secret for m in other.messages)) == ("", False)
    nowhere = replace(t, prompt=replace(prompt, context=0))  # secret turns inside of the object are not asked behind
    assert phrase(nowhere, "choice_lp").prompt.masked == ""


def test_same_placement_asks_downstream_with_alternating_roles() -> None:
    t = ask(trial(), placement="same")
    open_ = phrase(t, "choice_lp").prompt
    assert [m.role for m in open_.messages] == ["user"]
    assert open_.messages[0].content.startswith("Name an animal.\n\n")
    partial = phrase(replace(t, prompt=replace(t.prompt, prefix="A ti")), "choice_lp").prompt
    assert [m.role for m in partial.messages] == ["user", "assistant", "user"]
    assert partial.messages[1].content == "A ti"
    fresh = phrase(ask(t, placement="fresh"), "choice_lp").prompt
    assert '"""Name an animal."""' in fresh.messages[0].content


def test_competence_asks_about_the_given_text_alone() -> None:
    t = ask(trial(), given_text="banana")
    text = said(t, "choice_lp")
    assert "banana" in text
    assert "Name an animal" not in text
    assert "you" not in text.lower().split()


def test_users_words_are_verbatim() -> None:
    t = ask(trial("custom"), arguments={"ask": "Would you say {this} aloud?"})
    assert "Would you say {this} aloud?" in said(t, "choice_lp")
    assert question_text(t, "prob_ev").count("Would you say {this} aloud?") == 1


def test_shots_come_first_and_are_identical_for_all_trials() -> None:
    shots = (Shot(trial(), (0.9, 0.1)), Shot(ask(trial(), negated=True), (0.9, 0.1)))
    a, b = (phrase(ask(trial(), template=i), "yesno_lp", shots=shots).prompt.messages for i in (0, 1))
    assert a[:4] == b[:4]
    assert [m.role for m in a] == ["user", "assistant"] * 2 + ["user"]
    assert [m.content for m in a[1:4:2]] == ["Answer: Yes", "Answer: No"]
    counts = phrase(trial(), "counts10", shots=shots[:1]).prompt.messages
    assert counts[1].content == "yes: 9\nno: 1"


def test_tag_tells_a_scripted_subject_what_is_asked() -> None:
    tag = phrase(trial(), "prob_text").prompt.tag
    assert tag["role"] == "report"
    assert (tag["trial"], tag["quantity"], tag["format"]) == ("t", "ends_with_vowel", "prob_text")
    assert tag["state"] == "plain"
    assert tag["object"]["messages"][0]["content"] == "Name an animal."
    assert content_hash(tag) == content_hash(phrase(trial(), "prob_text").prompt.tag)


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot ask"):
        phrase(trial("option", FOUR), "yesno_lp")
    with pytest.raises(ValueError, match="no wording"):
        phrase(trial("nonsense"), "choice_lp")
    with pytest.raises(ValueError, match="threshold"):
        phrase(ask(trial("above_threshold"), arguments={}), "choice_lp")


def test_after_earlier_turns_the_question_is_about_the_next_reply() -> None:
    t = trial()
    said = (Message("user", "Name a fruit."), Message("assistant", "Apple"), *t.prompt.messages)
    t = replace(t, prompt=replace(t.prompt, messages=said), public="User: Name a fruit.\nAssistant: Apple\nUser: ...")
    for template in range(TEMPLATES):
        text = phrase(ask(t, template=template), "choice_lp").prompt.messages[0].content
        assert "this conversation" in text or "a conversation" in text
        assert "your next" in text


def test_an_open_question_is_asked_in_its_own_words() -> None:
    t = trial("custom", (), question=Question("custom", (), {"ask": "What do you {like}?"}))
    assert t.question.open
    asked = phrase(t, "free", prefill=False)
    assert asked.prompt.messages[0].content == (
        '"""Name an animal."""\n\nImagine that this message is sent to you. What do you {like}?'
    )
    assert (asked.candidates, asked.option_index, asked.options, asked.first) == (None, (), (), None)
    assert asked.max_tokens == 64
    assert asked.stop == ()
    assert [format for format in FORMATS if fits(t.question, format)] == ["free"]
    with pytest.raises(BadInput, match="'choice_lp' cannot ask 'custom' with 0 options"):
        phrase(t, "choice_lp")


def test_a_question_about_nothing_stands_alone() -> None:
    ask_tea = Question("custom", tuple(Option(o, o) for o in ("tea", "coffee")), {"ask": "Tea or coffee?"}, False)
    t = trial(question=ask_tea, public="")
    assert said(t, "choice_lp") == "Tea or coffee?\nOptions: tea | coffee"
    assert said(t, "free") == "Tea or coffee?\nOptions: tea | coffee\nAnswer with one of the options only."
    assert said(replace(t, question=replace(ask_tea, options=())), "free", prefill=False) == "Tea or coffee?"
    assert said(replace(t, question=replace(ask_tea, person="target", arguments={**ask_tea.arguments, "target": "x"})),
                "free").startswith("Answer for the AI model x, not for yourself. Tea or coffee?")  # fmt: skip
    base = phrase(t, "choice_lp", chat=False).prompt
    assert (base.text, base.prefix) == ("Tea or coffee?\nOptions: tea | coffee\n", "Answer:")
    about_a_text = replace(t, question=replace(ask_tea, given_text="banana"))
    assert "banana" in said(about_a_text, "choice_lp")


def test_an_open_target_prompt_lists_no_options() -> None:
    t = trial("option", FOUR)
    openly = replace(t, question=replace(t.question, options=()))
    listed, open_ = (target_prompt(x, "question", chat=False).prompt.text or "" for x in (t, openly))
    assert "Options: red | blue | green | other" in listed
    assert open_ == 'Which option does your reply choose?\nMessage: "x"\nAnswer:'
    with pytest.raises(BadInput, match="no template 'nonsense'; there are: identity"):
        target_prompt(t, "nonsense", chat=False)


@pytest.mark.parametrize(
    "texts",
    [("1", "1.5"), ("3", "3.14"), ("New", "New York"), ("no", "not sure"), ("C", "C++", "C#"), ("1", "10", "100"),
     ("No", "No.", "No. 1"), ("a", "a, b"), ("yes", "yes;", "yes.")],
)  # fmt: skip
def test_law_no_scored_text_begins_another(texts: tuple[str, ...]) -> None:
    """Else the shorter one holds the longer one's probability, which can then never win."""
    options = tuple(Option(t, t) for t in texts)
    asked = phrase(trial("option", options), "choice_lp")
    for candidates in (asked.candidates, target_prompt(trial("option", options), "question", chat=True).words):
        assert candidates is not None
        assert [c.strip().startswith(t.strip()) for c, t in zip(candidates, texts, strict=True)] == [True] * len(texts)
        assert not [1 for a, b in itertools.permutations(candidates, 2) if b.startswith(a)], candidates


def test_the_end_is_put_only_where_it_is_needed() -> None:
    for texts, candidates in ((("red", "blue"), (" red", " blue")), (("1", "10"), (" 1.", " 10."))):
        options = tuple(Option(t, t) for t in texts)
        assert phrase(trial("option", options), "choice_lp").candidates == candidates
    with pytest.raises(BadInput, match="cannot be told apart"):
        phrase(trial("option", (Option("a", "same"), Option("b", "same"))), "choice_lp")

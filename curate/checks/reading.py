"""A caption pair as the checks read it: terms with their entries, the period it claims, and the contexts that excuse."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from curate.checks.dates import stated_years
from curate.checks.knowledge import Context, Knowledge
from curate.knowledge.eras import reigns
from curate.knowledge.lexicon import Entry, Lexicon

# Sub-themes whose terms are people or events: who or what acts in a caption dates its scene.
ACTORS = frozenset(
    "origins-sages unification-qin han-figures wei-jin-nanbei sui-tang-history song-liao-jin mongol-yuan ming-history qing-history republic-history "
    "prc-history generals-strategy tang-poetry song-ci pre-qin-han-letters confucianism daoism thinkers buddhist-life silk-road".split()
)
_LIFE = (15, 110)
# Themes whose other sub-themes also hold people, among works and methods: there a life is one whose English name is the Chinese one in Latin letters.
# Lives of the last hundred years are left out: their names stand on streets, halls and prizes of today.
_NAMES_IN, _LAST_LIFE = frozenset("painting-calligraphy literature science-medicine religion-philosophy".split()), 1911
_TONES = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü", "aaaaeeeeiiiioooouuuuvvvvv")
# Contexts that say nothing about when the scene is set.
_NO_EXCUSE = frozenset({"camera", "place", "shared-culture", "style", "exchange", "fact"})


@dataclass(frozen=True)
class Place:
    """A term in a caption."""

    entry: Entry
    lang: str
    start: int
    end: int


@dataclass(frozen=True)
class Excuse:
    """A context found in a caption that makes an odd combination right."""

    id: str
    kind: str
    lang: str
    start: int
    end: int


@dataclass(frozen=True)
class Claim:
    """A period that the caption names, and by which words.

    Attributes:
        first, last: years.
        place: the words.
        kind: ``era``, ``person``, ``year`` or ``reign``.
        scene: the scene is set then; false if the words only date a thing that stands or is kept to this day.
    """

    first: int
    last: int
    place: Place
    kind: str
    scene: bool = True


@dataclass(frozen=True)
class Reading:
    """One caption pair made ready for the checks."""

    zh: str
    en: str
    places: tuple[Place, ...]
    claims: tuple[Claim, ...]
    excuses: tuple[Excuse, ...]

    def of(self, lang: str) -> tuple[Claim, ...]:
        """Return the periods that the caption of a language names, or those of the other caption if it names none."""
        own = tuple(c for c in self.claims if c.place.lang == lang)
        return own or self.claims

    def denied(self, lang: str, start: int) -> bool:
        """Say whether the words before a place deny or question it: "Tang women did not wear the qipao"."""
        text = self.text(lang)
        if lang == "zh":
            return _DENIED_ZH.search(text[max(0, start - 6) : start]) is not None or _ASKED_ZH.search(text) is not None
        return _DENIED_EN.search(text[max(0, start - 30) : start]) is not None or _ASKED_EN.search(text) is not None

    def excused(self, lang: str = "", start: int = 0, end: int = 0, odd: Collection[tuple[str, int, int]] = ()) -> bool:
        """Say whether a context excuses what is odd at a place.

        Words of an odd thing itself are no excuse for it, in either language: "Peking opera" is a stage word, and also what is out of place.

        Args:
            lang: language of the odd thing.
            start: its first code point.
            end: the code point after it.
            odd: all odd things of the caption, ``(language, start, end)``.
        """
        for e in self.excuses:
            here = e.lang == lang and e.start < end and start < e.end
            if e.kind == "camera" and here:
                return True
            # Where the odd thing is a stage form itself, other words of the stage only go with it.
            if e.id in ("opera", "stage") and any(
                x.id == "opera" and x.lang == y and x.start < b and a < x.end for x in self.excuses for y, a, b in odd
            ):
                continue
            if e.id in ("opera", "stage") and any(c.kind == "person" and _looks_on(c, self.text(c.place.lang)) for c in self.claims):
                continue
            if e.kind in _NO_EXCUSE or here or any(e.lang == x and e.start < z and y < e.end for x, y, z in odd):
                continue
            return True
        quoted = bool(lang) and any(a < end and start < b for a, b in titles(self.text(lang))) and not self.in_hand(lang, start, end)
        return quoted or (bool(lang) and self.likened(lang, start, end))

    def in_hand(self, lang: str, start: int, end: int) -> bool:
        """Say whether a titled work is itself in the scene: somebody reads, copies or recites it."""
        text = self.text(lang)
        if lang == "zh":
            return _READS_ZH.search(text[max(0, start - 12) : start]) is not None
        return _READS_EN.search(text[max(0, start - 40) : start].lower()) is not None

    def excepted(self, ids: Collection[str], lang: str = "", start: int = 0, end: int = 0) -> bool:
        """Say whether a context that excuses one fact only is there: Jurchens wore queues before the Qing.

        Args:
            ids: contexts that excuse the fact.
            lang: language of the thing; its own words excuse nothing ("a Manchu queue").
            start: its first code point.
            end: the code point after it.
        """
        return any(e.kind == "fact" and e.id in ids and not (e.lang == lang and e.start < end and start < e.end) for e in self.excuses)

    def likened(self, lang: str, start: int, end: int) -> bool:
        """Say whether a thing only stands in a comparison: "longer than a football field"."""
        text = self.text(lang)
        if lang == "zh":
            return _LIKE_ZH.search(text[max(0, start - 4) : start]) is not None or _AS_ZH.match(text[end : end + 3]) is not None
        return _LIKE_EN.search(text[max(0, start - 24) : start].lower()) is not None

    def text(self, lang: str) -> str:
        """Return the normalized text of a language."""
        return self.zh if lang == "zh" else self.en


def _is_person(entry: Entry) -> bool:
    if entry.kind != "term" or entry.from_year is None or entry.to_year is None:
        return False
    if not _LIFE[0] <= entry.to_year - entry.from_year <= _LIFE[1]:
        return False
    return entry.sub in ACTORS or (entry.to_year <= _LAST_LIFE and _has_own_name(entry))


def _has_own_name(entry: Entry) -> bool:
    if not set(entry.themes[:1]) & _NAMES_IN:
        return False
    return entry.en.startswith("Emperor ") or has_sound(entry)


def has_sound(entry: Entry) -> bool:
    """Say whether the English name of an entry is the Chinese one in Latin letters."""
    return entry.en.lower().translate(_TONES).replace(" ", "") == entry.pinyin.translate(_TONES).replace(" ", "").lower()


_DENIED_ZH = re.compile("没有|没|不|未|无|并非|尚未|不是|缺少")
_DENIED_EN = re.compile(r"\b(?:not|no|never|without|nor|neither|instead of|before the|long before)\b|n't\b", re.IGNORECASE)
_ASKED_ZH = re.compile("有没有|是不是|难道|[吗么]\\?|\\?")
_ASKED_EN = re.compile(r"\?")

_LIKE_ZH = re.compile("(?:比|像|如|似|好比|宛若)[一个只座]{0,2}$")
_AS_ZH = re.compile("般|似的|一样|还[长大高宽亮]")
_LIKE_EN = re.compile(r"(?:\blike|\bthan|\bas \w+ as|\bresembl\w+|-like) (?:an? |any |the )?$")
_READS_ZH = re.compile(
    '(?:翻开|翻阅|翻看|阅读|读着|读|诵|背|抄写|抄录|抄|捧着|手持|捧读|看着|默写|演出|上演|唱|听)(?:着|了|完|的是)?(?:一[出本部卷曲])?(?:京剧|昆曲|越剧|线装)?[《“「"]?$'
)
_READS_EN = re.compile(
    r"\b(?:(?:re-?)?read\w*|recit\w+|copy of|copies of|open\w*|leaf\w* through|memori[sz]\w+|chant\w*|pages of|perform\w*|applaud\w*|watch\w*)\b[^.;]{0,24}$"
)
_TITLE = re.compile('《[^《》]*》|“[^“”]*”|"[^"]*"|「[^「」]*」')


def titles(text: str) -> list[tuple[int, int]]:
    """Return the spans of titles and quotations: what they name is not in the scene.

    Args:
        text: normalized text.
    """
    return [m.span() for m in _TITLE.finditer(text)]


# Buildings that still stand: "the Ming Great Wall" says when it was built, not when the scene is set.
_STANDING = frozenset(
    "bridge pagoda temple-building great-wall tower-pavilion city-wall-tomb buddhist-images gate-archway hydraulics vernacular-dwelling".split()
)
_CITIES = frozenset({"city-wall-tomb", "street-hutong"})
_WORKS = (("crafts",), ("painting-calligraphy",))
# Things that were made in a period and are here today; people and courts are not.
_KEPT_ZH = re.compile(
    "(?:王朝|时期|年间|时代|时)?(?:的)?(?:古镇|古村|古城|古街|老街|(?:古|老|石|砖|木|旧|小|大)?(?:"
    "风格|风(?!云|流|光)|式|样式|款|制(?!造|作)|服饰|服装|装束|装扮|妆容|汉服|古装|城墙|城门|城楼|塔|桥|寺|庙|古建|建筑|宅|民居|祠堂|牌坊|牌楼|"
    "墓|陵|石窟|壁画|佛像|雕塑|雕像|石刻|碑|石狮|俑|瓷(?!窑|工)|花瓶|家具|屏风|画(?!院|师|家|匠|工|舫|坊|阁)|书画|书法(?!家)|诗(?!人|社|会|僧)|"
    "词(?!人|社)|文物|青铜器|铜镜|遗址|遗物|遗存|戏台|长城|绣|工艺|技艺|食谱|菜谱|配方|古法|主题|文化|历史|故事|题材|元素|小说|话本|乐谱|曲谱|古曲|银杏|柏|槐"
    "))|(?:始建|建造|修建|所建|建成|开凿|创建|重修|修筑|传下|流传|留下|以来|传承|遗留|保存|铸造|烧造)"
)
_MADE_ZH = re.compile("(?:始建于|建于|修于|成于|源自|源于|起源于|始于|自|诞生于|传自|仿|融合|致敬)$")
_KEPT_EN = frozenset(
    "wall walls tower gate gates temple temples pagoda bridge vase porcelain furniture tomb tombs mausoleum mausoleums statue statues mural murals fresco "
    "painting paintings scroll poem poems poetry costume costumes dress robe robes clothing outfit outfits style styles styled themed inspired architecture "
    "building buildings mansion relic relics artifact artefact grotto grottoes cave caves stele bell coin coins novel "
    "recipe recipes story stories tale legend culture history bricks ruins fashion makeup attire fort fortress rampart ramparts tree ginkgo cypress".split()
)
_KEPT_EN_BEFORE = re.compile(
    r"\b(?:built|rebuilt|constructed|founded|begun|dating|dates?|dated|dug|carved|cast|preserved|surviving|inherited|handed down|passed down|since|inspired|"
    r"originat\w+|styles?|traditions?|recipes?|fashion|costumes?|dress|robes?|clothes|clothing|makeup|relics?|ruins?|stor(?:y|ies)|tales?|poems?|novels?|history|"
    r"homage|tribute)(?:\s+(?:\w+\s+){0,2}|\s*)$"
)
_PEOPLE_THEN = re.compile(
    "士兵|将军|皇帝|皇后|贵妃|妃子|宫女|太监|大臣|官员|书生|侍女|武士|守军|公主|太子|丞相|县令|禁军|衙役|员外|"
    r"\b(?:soldiers?|guards|emperor|empress|concubines?|eunuchs?|ministers?|maids?|officials?|archers?|warriors?|prince|princess|courtiers?|magistrate|cavalrymen|sentries)\b"
)


def _scene(start: int, end: int, lang: str, text: str) -> bool:
    """Say whether words that name a period set the scene, and do not just date a thing: "on the Ming city wall"."""
    if lang == "zh":
        # 明长城 is one name that holds the thing itself.
        if any(_KEPT_ZH.match(text[k : end + 10]) for k in range(start + 1, end)):
            return False
        return _KEPT_ZH.match(text[end : end + 10]) is None and _MADE_ZH.search(text[max(0, start - 4) : start]) is None
    # The name may hold the thing itself: "Tang poem".
    after = re.findall(r"[a-z]+", text[start : end + 50].lower())[1:]
    after = [w for w in after if w not in ("dynasty", "era", "period", "the")][:2]
    before = re.sub(r"\b(?:in|of|from|under|to|back to|by|during|at|raised in|erected in)?\s*(?:the|late|early)?\s*$", "", text[:start].lower()[-50:])
    return not set(after) & _KEPT_EN and _KEPT_EN_BEFORE.search(before) is None


# Somebody's works, images and places are here today: "reads Du Fu on the train".
_ABOUT_ZH = re.compile(
    "的?《|(?:的)?(?:诗|词(?!人)|名句|画(?!了|下|着)|书法|字帖|故里|故居|墓|祠|庙|像|塑像|名言|作品|故事|传说|纪念|文集|法帖|真迹|手迹|学说|思想|后人|后裔|传人)"
)
_TO_ZH = re.compile("(?:读|背|诵|吟诵|朗诵|纪念|祭|拜|供奉|画|临|讲|写|学习|致敬|像|扮演|饰演)(?:着|了)?$")
_ABOUT_EN = re.compile(
    r"(?:'s|s')?\s+(?:poems?|poetry|verses?|lines?|words|statues?|tomb|temple|shrine|portrait|paintings?|calligraphy|hometown|home|birthplace|works?|works|story|"
    r"legend|letters|teachings|memorial|museum|study|former residence|cave|method|style|quotes?|quotation)\b"
)
_TO_EN = re.compile(
    r"\b(?:reads?|reading|recit\w+|quot\w+|by|of|to|after|about|honou?r\w*|worship\w*|poems? by|verses? by|copies|copying|stud\w+|translat\w+|dressed as|play\w*|"
    r"(?:paint\w*|draw\w*|carv\w+)(?:\s+with)?)\s+(?:the\s+)?$"
)


def _acts(p: Place, text: str) -> bool:
    """Say whether a person is in the scene, and not only somebody's subject: a statue, a poem that is read."""
    before, after = text[max(0, p.start - 24) : p.start], text[p.end : p.end + 30]
    if p.lang == "zh":
        return _ABOUT_ZH.match(after) is None and _TO_ZH.search(before) is None
    return _ABOUT_EN.match(after) is None and _TO_EN.search(before.lower()) is None


def _dates_a_building(era: Place, places: Sequence[Place]) -> bool:
    return any(
        p.lang == era.lang and p.entry.sub in _STANDING and p.entry.to_year is None and 0 <= p.start - era.end <= (2 if era.lang == "zh" else 3)
        for p in places
        if p is not era
    )


def _is_place(era: Place, places: Sequence[Place]) -> bool:
    """Say whether the words of a period are the name of a city of that time: a teahouse in Yuan Dadu is of Yuan."""
    return any(p.lang == era.lang and (p.start, p.end) == (era.start, era.end) and p.entry.sub in _CITIES for p in places)


def _dates_a_work(era: Place, places: Sequence[Place]) -> bool:
    """Say whether the words after a period name a work of craft or art, which may be seen today: 辽代三彩盘."""
    reach = 2 if era.lang == "zh" else 10
    return any(p.lang == era.lang and p.entry.themes[:1] in _WORKS and 0 <= p.start - era.end <= reach for p in places)


def _inside(p: Place, places: Sequence[Place], text: str) -> bool:
    """Say whether a name is only a part of another name or stands in a title: 黄帝 in 黄帝内经."""
    longer = any(
        q.lang == p.lang
        and q.entry.kind == "term"
        and q.start <= p.start
        and p.end <= q.end
        and q.end - q.start > p.end - p.start
        and q.entry.themes[:1] not in (("architecture",), ("history",), ("landscape",))
        for q in places
    )
    return longer or any(a <= p.start and p.end <= b for a, b in titles(text))


# Later years are of our own time, in which everything old may be seen again.
_LATEST = 2000


def _claims(places: Sequence[Place], zh: str, en: str, knowledge: Knowledge) -> list[Claim]:
    out: list[Claim] = []
    era_years = knowledge.era_years
    # 开元 in 开元通宝 names a coin.
    things = [(lang, f.start, f.end) for lang, text in (("zh", zh), ("en", en)) for f in knowledge.not_before.find(text, lang)]
    named = [(lang, a, b) for lang, text in (("zh", zh), ("en", en)) for _, _, a, b in reigns(text, lang)]
    actors = _PEOPLE_THEN.search(zh) is not None or _PEOPLE_THEN.search(en.lower()) is not None
    for p in places:
        text = zh if p.lang == "zh" else en
        if _inside(p, places, text) or any(g == p.lang and a <= p.start and p.end <= b for g, a, b in things):
            continue
        if p.entry.kind in ("era", "trap") and p.entry.eras:
            spans = [era_years[e] for e in p.entry.eras if e in era_years]
            if spans and (_is_place(p, places) or not _dates_a_building(p, places)):
                scene = actors or (_scene(p.start, p.end, p.lang, text) and not _dates_a_work(p, places))
                out.append(Claim(min(s[0] for s in spans), max(s[1] for s in spans), p, "era", scene))
        elif any(g == p.lang and a <= p.start and p.end <= b for g, a, b in named):
            continue  # 康熙 in 康熙年间 is the reign and no person
        elif _is_person(p.entry) and p.entry.from_year is not None and p.entry.to_year is not None:
            out.append(Claim(p.entry.from_year, p.entry.to_year, p, "person", _acts(p, text)))
    # Who looks on in one caption is no figure of the play in the other.
    texts = {"zh": zh, "en": en}
    played = [_on_stage(c, texts, places) for c in out]
    if not any(_looks_on(c, texts[c.place.lang]) for c in out if c.kind == "person"):
        out = [c for c, on in zip(out, played, strict=True) if not on]
    for lang, text in (("zh", zh), ("en", en)):
        quoted = titles(text)
        dated = [(*span, "year") for span in stated_years(text, lang)] + [(*span, "reign") for span in reigns(text, lang)]
        for first, last, start, end, kind in dated:
            if -9000 < first < _LATEST and not any(a <= start < b for a, b in quoted):
                scene = actors or _scene(start, end, lang, text)
                out.append(Claim(first, last, Place(Entry(id=f"{kind}:{first}"), lang, start, end), kind, scene))
    return out


_WORKS_OF_WORDS = frozenset({"literature", "performing-arts"})
# 像 at the end of these words is a picture, no likeness.
_PICTURE = "肖画图影录摄群头人塑雕石铜佛神"


def _part_of_name(start: int, end: int, lang: str, text: str, places: Sequence[Place]) -> bool:
    """Say whether a word of a context is only a part of another word: the dream in Dream of the Red Chamber, 像 in 肖像."""
    if lang == "zh" and text[start:end] == "像" and text[max(0, start - 1) : start] in _PICTURE and start:
        return True
    return any(
        p.lang == lang
        and p.start <= start
        and end <= p.end
        and p.end - p.start > end - start
        and p.entry.themes[:1]
        and p.entry.themes[0] in _WORKS_OF_WORDS
        for p in places
        if text[start:end].lower().startswith(("dream", "梦"))
    )


_STAGE = {
    "zh": re.compile(
        "舞台|戏台|台上|登台|上台|演员|名角|唱的是|唱《|饰演|扮演|扮相|演的是|演《|脸谱|花旦|老生|花脸|武生|青衣|小生|唱段|折子戏|皮影|木偶|傀儡|艺人|操纵"
    ),
    "en": re.compile(
        r"\b(?:on (?:the )?(?:\w+ ){0,3}stage|onstage|actors?|actress(?:es)?|singers?|performers?|puppet\w*|shadow play\w*|plays? the (?:part|role)|in the role of|as the|painted-face|aria|troupe)\b",
        re.IGNORECASE,
    ),
}
# Whoever listens or looks on is no figure of the play.
_HOUSE = {
    "zh": re.compile("听|看(?!客|官)|观(?!众)|赏|点戏|召|命|在宫|带着|陪"),
    "en": re.compile(r"\b(?:listen|watch|attend|enjoy|summon)", re.IGNORECASE),
}


def _looks_on(claim: Claim, text: str) -> bool:
    reach = 12 if claim.place.lang == "zh" else 30
    return _HOUSE[claim.place.lang].search(text[claim.place.end : claim.place.end + reach]) is not None


def _on_stage(claim: Claim, texts: Mapping[str, str], places: Sequence[Place]) -> bool:
    """Say whether a person is a figure of a play that is performed: Judge Bao in Peking opera."""
    lang = claim.place.lang
    person = claim.kind == "person" or any(
        _is_person(p.entry) and p.lang == lang and p.start < claim.place.end and claim.place.start < p.end for p in places
    )
    if not person or _looks_on(claim, texts[lang]) or not any(_STAGE[x].search(texts[x]) for x in texts):
        return False
    return any(p.entry.themes[:1] == ("performing-arts",) for p in places)


def read(zh: str, en: str, terms: Sequence[Mapping[str, object]], lexicon: Lexicon, knowledge: Knowledge) -> Reading:
    """Read a caption pair.

    Args:
        zh: normalized Chinese caption, or empty.
        en: normalized English caption, or empty.
        terms: what the ``match`` stage found.
        lexicon: the lexicon.
        knowledge: tables of the checks.
    """
    places = []
    for t in terms:
        entry = lexicon.by_id.get(str(t["term_id"]))
        if entry is not None:
            places.append(Place(entry, str(t["lang"]), int(str(t["start"])), int(str(t["end"]))))
    excuses: list[Excuse] = []
    for lang, text in (("zh", zh), ("en", en)):
        for found in knowledge.exceptions.find(text, lang):
            row = knowledge.exceptions.rows[found.row]
            assert isinstance(row, Context)
            if _part_of_name(found.start, found.end, lang, text, places):
                continue
            excuses.append(Excuse(row.id, row.kind, lang, found.start, found.end))
    return Reading(zh, en, tuple(places), tuple(_claims(places, zh, en, knowledge)), tuple(excuses))

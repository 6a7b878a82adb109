"""Paper: headings, rows, tables, bars and a QR code on A4, the same bytes every time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import segno
from fpdf import FPDF, XPos, YPos
from fpdf.enums import MethodReturnValue, WrapMode

from gateway.certificate.fonts import Font

Color = tuple[int, int, int]

INK: Final[Color] = (28, 32, 36)
QUIET: Final[Color] = (96, 104, 110)
TEAL: Final[Color] = (0, 92, 93)
AMBER: Final[Color] = (163, 92, 0)
PALE: Final[Color] = (229, 236, 236)
LINE: Final[Color] = (196, 205, 206)

MARGIN_MM: Final = 18.0
BAR_MM: Final = 5.0
LINE_MM: Final = 5.4
FAMILY: Final = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; figures stand on the right."""

    title: str
    width_mm: float
    is_figure: bool = False


class Sheet(FPDF):
    """An A4 document in one font. `mark` stands at the foot of each page."""

    def __init__(self, font: Font, *, title: str, mark: str, made_at: int) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        # Only what is given: no clock, so the same certificate gives the same bytes.
        self.set_creation_date(datetime.fromtimestamp(made_at // 1000, UTC))
        self.set_title(title)
        self.set_creator("Commonhold")
        self.set_lang("zh-CN")
        for style, path in (("", font.regular), ("B", font.bold)):
            self.add_font(FAMILY, style, path, collection_font_number=font.index)
        self._mark = mark
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.c_margin = 0.0
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 4)
        self.add_page()

    def footer(self) -> None:
        """Called by fpdf at the end of each page."""
        self.set_y(-MARGIN_MM + 2)
        self.ink(7, QUIET)
        self.cell(self.epw - 20, 4, self._mark)
        self.cell(20, 4, f"{self.page_no()} / {{nb}}", align="R")

    def ink(self, size: float, color: Color = INK, *, is_bold: bool = False) -> None:
        """Letters from here on."""
        self.set_font(FAMILY, "B" if is_bold else "", size)
        self.set_text_color(*color)

    def keep_together(self, height_mm: float) -> None:
        """Begin a page if so much does not fit on this one."""
        if self.will_page_break(height_mm):
            self.add_page()

    def paragraph(
        self, text: str, size: float = 9.5, color: Color = INK, *, is_bold: bool = False
    ) -> None:
        """Text over the whole width."""
        self.ink(size, color, is_bold=is_bold)
        self.multi_cell(
            0,
            size * 0.56,
            text,
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
            wrapmode=WrapMode.CHAR,
        )

    def heading(self, zh: str, en: str, *, follows_mm: float = 18) -> None:
        """A section's heading, never alone at the foot of a page."""
        self.ln(3.2)
        self.keep_together(follows_mm)
        self.ink(11, TEAL, is_bold=True)
        self.cell(self.get_string_width(zh) + 2.5, 6, zh)
        self.ink(9, QUIET)
        self.cell(0, 6.2, en, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*LINE)
        self.set_line_width(0.25)
        self.line(self.l_margin, self.get_y(), self.l_margin + self.epw, self.get_y())
        self.ln(1.6)

    def fact(self, label: str, text: str, label_mm: float = 44) -> None:
        """A label and what it stands for."""
        self.ink(9)
        lines = self.multi_cell(
            self.epw - label_mm,
            LINE_MM,
            text,
            dry_run=True,
            output=MethodReturnValue.LINES,
            wrapmode=WrapMode.CHAR,
        )
        assert isinstance(lines, list)
        self.keep_together(len(lines) * LINE_MM)
        self.ink(8, QUIET)
        self.cell(label_mm, LINE_MM, label)
        self.ink(9)
        self._text(self.epw - label_mm, LINE_MM, text)

    def bar(
        self, label: str, text: str, needed: str, *, part: float, tick: float, met: str
    ) -> None:
        """A share as a bar with a tick where it had to be; all of it in words as well.

        `part` and `tick` are parts of the whole, for the eye only: nothing is decided by them.
        """
        self.keep_together(BAR_MM + 12)
        self.ink(9, is_bold=True)
        self.cell(self.epw * 0.42, LINE_MM, label)
        self.ink(9)
        self.cell(0, LINE_MM, text, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        left, top, width = self.l_margin, self.get_y() + 0.6, self.epw
        self.set_fill_color(*PALE)
        self.rect(left, top, width, BAR_MM, style="F")
        self.set_fill_color(*TEAL)
        self.rect(left, top, width * min(part, 1.0), BAR_MM, style="F")
        self.set_draw_color(*AMBER)
        self.set_line_width(0.7)
        self.line(left + width * tick, top - 1.1, left + width * tick, top + BAR_MM + 1.1)
        self.set_y(top + BAR_MM + 1.0)
        self.ink(8, QUIET)
        self.cell(self.epw * 0.7, LINE_MM, needed)
        self.ink(8.5, is_bold=True)
        self.cell(0, LINE_MM, met, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1)

    def table_of(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """A table whose head is repeated on each page."""
        self._row(columns, [one.title for one in columns], is_head=True)
        for row in rows:
            if self.will_page_break(LINE_MM + 0.6):
                self.add_page()
                self._row(columns, [one.title for one in columns], is_head=True)
            self._row(columns, row)

    def qr(self, text: str, left: float, top: float, size_mm: float) -> None:
        """A QR code, drawn as squares."""
        matrix = segno.make(text, error="m", micro=False).matrix
        module = size_mm / len(matrix)
        self.set_fill_color(*INK)
        for row, bits in enumerate(matrix):
            for column, bit in enumerate(bits):
                if bit:
                    place = (left + column * module, top + row * module)
                    # A little overlap hides the seams that printers show between squares.
                    self.rect(*place, module * 1.04, module * 1.04, style="F")

    def _text(self, width_mm: float, line_mm: float, text: str) -> None:
        self.multi_cell(
            width_mm,
            line_mm,
            text,
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
            wrapmode=WrapMode.CHAR,
        )

    def _row(
        self, columns: Sequence[Column], texts: Sequence[str], *, is_head: bool = False
    ) -> None:
        self.ink(8 if is_head else 9, QUIET if is_head else INK)
        self.set_draw_color(*LINE)
        self.set_line_width(0.15)
        for column, text in zip(columns, texts, strict=True):
            shown = self._fitting(text, column.width_mm - 1)
            align = "R" if column.is_figure else "L"
            self.cell(column.width_mm, LINE_MM + 0.6, shown, border="B", align=align)
        self.ln(LINE_MM + 0.6)

    def _fitting(self, text: str, width_mm: float) -> str:
        """As much of a text as a cell holds."""
        if self.get_string_width(text) <= width_mm:
            return text
        while text and self.get_string_width(text + "…") > width_mm:
            text = text[:-1]
        return text + "…"

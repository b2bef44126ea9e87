"""Keeps secrets out of what leaves the engine, and shows what base64 hides.

`masked` puts `***` in a secret's place, `decoded` tells what an encoded command holds (`decoding.py`). What a secret
looks like is data: `grammars.py` for what programs take, `texts.py` for what is written alike everywhere. `words.py`
parts a line into commands and words, and `mask.py` reads them.

Only these grammars are known. A secret that stands anywhere else is shown: one that a program of unknown name takes or
asks for by a letter (`x.exe -p secret`), that is put together from variables, that is given apart from its program
(`Start-Process net 'user bob secret'`), or that base64 holds (`-enc` is evidence: its text is shown masked beside it).
"""

from __future__ import annotations

from engine.masking.decoding import decoded
from engine.masking.mask import masked

__all__ = ["decoded", "masked"]

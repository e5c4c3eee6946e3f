"""What every room may use: errors that read well, explicit randomness, optional dependencies."""

from ._choices import choice as choice
from ._choices import settle_choices as settle_choices
from ._errors import InputError as InputError
from ._errors import StorageError as StorageError
from ._errors import check_at_least as check_at_least
from ._errors import check_in_range as check_in_range
from ._errors import number_of as number_of
from ._errors import printable as printable
from ._errors import shown as shown
from ._errors import unknown_name as unknown_name
from ._files import check_folder as check_folder
from ._files import check_writable as check_writable
from ._files import place as place
from ._files import short_name as short_name
from ._files import write_whole as write_whole
from ._matching import check_alike as check_alike
from ._optional import require as require
from ._randomness import derived_seed as derived_seed
from ._randomness import generator_for as generator_for
from ._randomness import global_states as global_states
from ._randomness import put_global_states as put_global_states
from ._randomness import seeded_globals as seeded_globals

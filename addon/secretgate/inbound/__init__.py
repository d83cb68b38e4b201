"""The response path: from the bytes of an answer to what the client receives.

`responses` decides how an answer is processed and decodes it; `answers` has one class for each way:
event by event, as one document (`documents`), or as plain text. What happens to an event is in
`events`:

* an event in which no placeholder may begin (`placeholders/beginnings.py`) is forwarded as it is;
* `event_reader` reads any other event: its texts, and which of them are arguments of tools
  (`tool_places`); `endings` says which texts it ends, `end_marks` whether it may end all;
* `shapes` and `matching` recognise events like one that was read, so that few are read;
* `restoration` puts the values back, `open_texts` keeps what is held back of each text, and `extras`
  sends it before the text ends; `growing` is for texts that are said again, with more, in every event,
  `json_pieces` for texts of protobuf, which may be JSON.

Beside that, `written` gives the texts of the answer (`spoken`) to the detector, to remember what the
provider wrote itself, `leftovers` tells which placeholders were restored and which were not, and
`locations` reads the headers that name a URL to go on at.
"""

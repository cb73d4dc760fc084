"""Makes encodings.json: what the Python libraries `tokenizers` and `transformers` make of texts and conversations.

    python encodings.py > encodings.json      # transformers >= 4.56, jinja2
"""

import json
import pathlib
import random

import tokenizers
import transformers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent

TEXTS = [
    "", " ", "\n", "\t\t", "  two  spaces  ", "a", "The terms of the work", "the the the", "Hello, world!", "don't can't we'll I'd",
    "1 22 333 4444 55555", "3.14159e-10", "camelCase snake_case kebab-case", "größer Straße", "naïve café", "日本語のテキスト", "한국어", "🦀 🦀🦀",
    "👩‍👩‍👧‍👦", "e\u0301 é", "\u0000", "\u200b\ufeff", "<s>", "</s>", "<|user|>hi<|assistant|>", "a<s>b</s>c", "line\nline\r\nline", "tabs\tand\nnewlines",
    "def f(x):\n    return x ** 2\n", '{"key": [1, 2, {"a": null}]}', "https://example.com/path?q=1&r=2#frag", "user@example.com",
    "ALL CAPS TEXT", "mIxEd", "....!!!???", "——–‐", "“quotes” ‘single’", "русский текст", "العربية", "עברית", "ไทย", "x" * 300,
    "You may convey verbatim copies of the Program's source code as you receive it.", "a\u00a0b", "½ ² ™", "\\n \\t \\\\", "$100 €50 £20 ¥9",
]

LLAMA3 = """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>

'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>

' }}{% endif %}"""

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + content }}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
            {%- endfor %}
            {{- "] [/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}"""

DATED = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- macro part(message) -%}
<|{{ message.role | upper }}|>{{ message.content | trim | replace('\\r', '') }}
{%- endmacro %}
{% for message in messages %}
    {%- if message.role == 'system' and not loop.first %}{% continue %}{% endif %}
    {{- part(message) ~ (eos_token if loop.last else '') }}
{%- endfor %}
{{- "Today Date: " + date_string + "\\n" }}
"""

SINGLE = [{"role": "user", "content": "Hello there"}]
SEVERAL = [
    {"role": "system", "content": "  Be kind. "},
    {"role": "user", "content": "First\nquestion"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nan answer "},
    {"role": "user", "content": "größer & \"quoted\" <b>"},
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "it's ü", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}, "required": []}}}]


def texts():
    tokenizer = tokenizers.Tokenizer.from_file(str(HERE / "tiny-hf" / "tokenizer.json"))
    rng = random.Random(5)
    letters = "abc xyz  \n.,éß日🦀<>|s/"
    made = ["".join(rng.choice(letters) for _ in range(rng.randint(1, 60))) for _ in range(40)]
    return [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids} for t in TEXTS + made]


def templates():
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(HERE / "tiny-hf" / "tokenizer.json"), **special)
    own = json.loads((HERE / "tiny-hf" / "tokenizer_config.json").read_text())["chat_template"]
    cases = []
    for name, template in [("tiny", own), ("llama-3", LLAMA3), ("qwen", QWEN), ("mistral", MISTRAL), ("dated", DATED)]:
        for messages in (SINGLE, SEVERAL):
            for tools in (None, TOOLS):
                rendered = tokenizer.apply_chat_template(messages, chat_template=template, tools=tools, tokenize=False, add_generation_prompt=True)
                cases.append({"name": name, "template": template, "special": special, "messages": messages, "tools": tools, "rendered": rendered})
    return cases


made_with = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
print(json.dumps({"made_with": made_with, "texts": texts(), "templates": templates()}, indent=1, ensure_ascii=False))

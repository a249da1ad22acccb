"""The families of models whose chat templates packages publish, and model folders made of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.policy.files import DESK
from tests.published_templates import LLAMA_CPP, TRL, templates


@dataclass(frozen=True, slots=True)
class Family:
    """Models with one chat template."""

    name: str
    package: str
    file: str
    stops: Sequence[str]
    """Their stop tokens, as generation_config.json and the tokenizer name them."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Variables of the template."""

    @property
    def template(self) -> str:
        """The text of the template."""
        return (templates(self.package) / f"{self.file}.jinja").read_text()


APERTUS = ("</s>", "<|assistant_end|>", "<|tools_suffix|>")
CHATML, COHERE, DEEPSEEK = ("<|im_end|>",), ("<|END_OF_TURN_TOKEN|>",), ("<｜end▁of▁sentence｜>",)
GEMMA, GEMMA_4 = ("<eos>", "<end_of_turn>"), ("<eos>", "<turn|>", "<|tool_response>")
GLM, GPT_OSS = ("<|endoftext|>", "<|user|>", "<|observation|>"), ("<|return|>", "<|endoftext|>", "<|call|>")
GRANITE, LLAMA = ("<|end_of_text|>",), ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>")
HUNYUAN, LAGUNA = ("<｜hy_eos:opensource｜>",), ("〈|EOS|〉", "</assistant>")
MINIMAX, MISTRAL = ("[e~[",), ("</s>",)
NEMOTRON, PHI, QWEN = ("</s>", "<|im_end|>"), ("<|end|>", "<|endoftext|>"), ("<|im_end|>", "<|endoftext|>")
ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}
THINKING, ANSWERING = {"thinking": True}, {"thinking": False}

FAMILIES = (
    Family("Qwen2.5-Instruct", LLAMA_CPP, "Qwen-Qwen2.5-7B-Instruct", QWEN),
    Family("Qwen2.5-Instruct (trl)", TRL, "qwen2_5", QWEN),
    Family("QwQ-32B", LLAMA_CPP, "Qwen-QwQ-32B", QWEN),
    Family("Qwen3 (hybrid)", LLAMA_CPP, "Qwen-Qwen3-0.6B", QWEN),
    Family("Qwen3 (hybrid), no thinking", LLAMA_CPP, "Qwen-Qwen3-0.6B", QWEN, OFF),
    Family("Qwen3 (trl)", TRL, "qwen3", QWEN),
    Family("Qwen3-Instruct-2507", TRL, "qwen3_instruct_2507", QWEN),
    Family("Qwen3-Coder", LLAMA_CPP, "Qwen3-Coder", QWEN),
    Family("Qwen3-VL", TRL, "qwen3_vl", QWEN),
    Family("Qwen3.5 (4B)", LLAMA_CPP, "Qwen3.5-4B", QWEN),
    Family("Qwen3.5 (4B), no thinking", LLAMA_CPP, "Qwen3.5-4B", QWEN, OFF),
    Family("Qwen3.5 think (trl)", TRL, "qwen3_5_think", QWEN),
    Family("Qwen3.5 nothink (trl)", TRL, "qwen3_5_nothink", QWEN),
    Family("Qwen3.6", TRL, "qwen3_6", QWEN),
    Family("Qwen3.6, no thinking", TRL, "qwen3_6", QWEN, OFF),
    Family("Qwen3.8", TRL, "qwen3_8", QWEN),
    Family("GLM-4.5", TRL, "glm4moe", GLM),
    Family("GLM-4.5, no thinking", TRL, "glm4moe", GLM, OFF),
    Family("GLM-4.6", LLAMA_CPP, "GLM-4.6", GLM),
    Family("GLM-4.6, no thinking", LLAMA_CPP, "GLM-4.6", GLM, OFF),
    Family("GLM-4.7-Flash", LLAMA_CPP, "GLM-4.7-Flash", GLM),
    Family("GLM-4.7-Flash, no thinking", LLAMA_CPP, "GLM-4.7-Flash", GLM, OFF),
    Family("gpt-oss", LLAMA_CPP, "openai-gpt-oss-120b", GPT_OSS),
    Family("gpt-oss (trl)", TRL, "gptoss", GPT_OSS),
    Family("DeepSeek-V3", TRL, "deepseekv3", DEEPSEEK),
    Family("DeepSeek-V3.1", LLAMA_CPP, "deepseek-ai-DeepSeek-V3.1", DEEPSEEK),
    Family("DeepSeek-V3.1, thinking", LLAMA_CPP, "deepseek-ai-DeepSeek-V3.1", DEEPSEEK, THINKING),
    Family("DeepSeek-V3.2", LLAMA_CPP, "deepseek-ai-DeepSeek-V3.2", DEEPSEEK),
    Family("DeepSeek-V3.2, thinking", LLAMA_CPP, "deepseek-ai-DeepSeek-V3.2", DEEPSEEK, THINKING),
    Family("DeepSeek-V4", LLAMA_CPP, "deepseek-ai-DeepSeek-V4", DEEPSEEK),
    Family("DeepSeek-V4, thinking", LLAMA_CPP, "deepseek-ai-DeepSeek-V4", DEEPSEEK, THINKING),
    Family("DeepSeek-V4-Flash-0731", LLAMA_CPP, "deepseek-ai-DeepSeek-V4-Flash-0731", DEEPSEEK),
    Family("DeepSeek-R1-Distill-Qwen", LLAMA_CPP, "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", DEEPSEEK),
    Family("DeepSeek-R1-Distill-Llama", LLAMA_CPP, "deepseek-ai-DeepSeek-R1-Distill-Llama-8B", DEEPSEEK),
    Family("DeepSeek-R1 (llama.cpp's own)", LLAMA_CPP, "llama-cpp-deepseek-r1", DEEPSEEK),
    Family("Kimi-K2", LLAMA_CPP, "moonshotai-Kimi-K2", CHATML),
    Family("Kimi-K2-Instruct", LLAMA_CPP, "Kimi-K2-Instruct", CHATML),
    Family("Kimi-K2-Thinking", LLAMA_CPP, "Kimi-K2-Thinking", CHATML),
    Family("Kimi-K3", LLAMA_CPP, "Kimi-K3", ("<|end_of_msg|>",)),
    Family("MiniMax-M1", LLAMA_CPP, "MiniMax-M1", ("<end_of_sentence>",)),
    Family("MiniMax-M2", LLAMA_CPP, "MiniMax-M2", MINIMAX),
    Family("MiniMax-M3", LLAMA_CPP, "MiniMax-M3", MINIMAX),
    Family("Nemotron-3-Nano", LLAMA_CPP, "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", NEMOTRON),
    Family("Nemotron-3-Nano, no thinking", LLAMA_CPP, "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", NEMOTRON, OFF),
    Family("Nemotron-3-Nano (trl)", TRL, "nemotron_3_nano", NEMOTRON),
    Family("Nemotron-3-Super", TRL, "nemotron_3_super", NEMOTRON),
    Family("Nemotron-3-Ultra", TRL, "nemotron_3_ultra", NEMOTRON),
    Family("Nemotron-3.5-Lightning", TRL, "nemotron_3_5_lightning", NEMOTRON),
    Family("Nemotron-Nano-v2", LLAMA_CPP, "NVIDIA-Nemotron-Nano-v2", ("</s>", "<SPECIAL_11>", "<SPECIAL_12>")),
    Family("Llama-3.1", LLAMA_CPP, "meta-llama-Llama-3.1-8B-Instruct", LLAMA),
    Family("Llama-3.1 (trl)", TRL, "llama3_1", LLAMA),
    Family("Llama-3.2", LLAMA_CPP, "meta-llama-Llama-3.2-3B-Instruct", LLAMA),
    Family("Llama-3.2 (trl)", TRL, "llama3_2", LLAMA),
    Family("Llama-3.3", LLAMA_CPP, "meta-llama-Llama-3.3-70B-Instruct", LLAMA),
    Family("Firefunction-v2", LLAMA_CPP, "fireworks-ai-llama-3-firefunction-v2", LLAMA),
    Family("Functionary-v3.1", LLAMA_CPP, "meetkai-functionary-medium-v3.1", LLAMA),
    Family("Functionary-v3.2", LLAMA_CPP, "meetkai-functionary-medium-v3.2", LLAMA),
    Family("Mistral-Nemo-2407", LLAMA_CPP, "mistralai-Mistral-Nemo-Instruct-2407", MISTRAL),
    Family("Mistral-Small-3.2", LLAMA_CPP, "Mistral-Small-3.2-24B-Instruct-2506", MISTRAL),
    Family("Devstral-Small-2507 (unsloth)", LLAMA_CPP, "unsloth-mistral-Devstral-Small-2507", MISTRAL),
    Family("Ministral-3-14B-Reasoning", LLAMA_CPP, "mistralai-Ministral-3-14B-Reasoning-2512", MISTRAL),
    Family("Gemma-2", LLAMA_CPP, "google-gemma-2-2b-it", GEMMA),
    Family("Gemma-2 (trl)", TRL, "gemma", GEMMA),
    Family("Gemma-3", TRL, "gemma3", GEMMA),
    Family("Gemma-4", LLAMA_CPP, "google-gemma-4-31B-it", GEMMA_4),
    Family("Gemma-4, thinking", LLAMA_CPP, "google-gemma-4-31B-it", GEMMA_4, ON),
    Family("Gemma-4 (llama.cpp's interleaved)", LLAMA_CPP, "google-gemma-4-31B-it-interleaved", GEMMA_4),
    Family("Gemma-4 (trl)", TRL, "gemma4", GEMMA_4),
    Family("Gemma-4 (trl, v2)", TRL, "gemma4_v2", GEMMA_4),
    Family("Gemma-4 (trl, v3)", TRL, "gemma4_v3", GEMMA_4),
    Family("Gemma-4 (trl, v4)", TRL, "gemma4_v4", GEMMA_4),
    Family("Gemma-4 (trl, v5)", TRL, "gemma4_v5", GEMMA_4),
    Family("DiffusionGemma", TRL, "diffusion_gemma", GEMMA_4),
    Family("Granite-3.3", LLAMA_CPP, "ibm-granite-granite-3.3-2B-Instruct", GRANITE),
    Family("Granite-4.0", LLAMA_CPP, "ibm-granite-granite-4.0", GRANITE),
    Family("Granite-4.1", LLAMA_CPP, "ibm-granite-granite-4.1", GRANITE),
    Family("Hermes-2-Pro", LLAMA_CPP, "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", CHATML),
    Family("Hermes-3", LLAMA_CPP, "NousResearch-Hermes-3-Llama-3.1-8B-tool_use", CHATML),
    Family("Phi-3.5-mini", LLAMA_CPP, "microsoft-Phi-3.5-mini-instruct", PHI),
    Family("Phi-3.5-mini (trl)", TRL, "phi3_5", PHI),
    Family("Seed-OSS", LLAMA_CPP, "ByteDance-Seed-OSS", ("<seed:eos>",)),
    Family("Command-R+ tool_use", LLAMA_CPP, "CohereForAI-c4ai-command-r-plus-tool_use", COHERE),
    Family("Command-R7B", LLAMA_CPP, "CohereForAI-c4ai-command-r7b-12-2024-tool_use", COHERE),
    Family("Command-R7B, thinking", LLAMA_CPP, "CohereForAI-c4ai-command-r7b-12-2024-tool_use", COHERE, ON),
    Family("Cohere2MoE", LLAMA_CPP, "Cohere2MoE", COHERE),
    Family("SmolLM3", LLAMA_CPP, "HuggingFaceTB-SmolLM3-3B", CHATML),
    Family("LFM2", LLAMA_CPP, "LFM2-8B-A1B", CHATML),
    Family("LFM2 (trl)", TRL, "lfm2", CHATML),
    Family("LFM2 (trl, v2)", TRL, "lfm2_v2", CHATML),
    Family("LFM2.5", LLAMA_CPP, "LFM2.5-8B-A1B", CHATML),
    Family("LFM2.5-Instruct", LLAMA_CPP, "LFM2.5-Instruct", CHATML),
    Family("LFM2.5 (trl)", TRL, "lfm2_2_5", CHATML),
    Family("LFM2.5 (trl, v2)", TRL, "lfm2_2_5_v2", CHATML),
    Family("LFM2.5-VL (trl)", TRL, "lfm2_2_5_vl", CHATML),
    Family("Apertus", LLAMA_CPP, "Apertus-8B-Instruct", APERTUS),
    Family("StepFun-3.5-Flash", LLAMA_CPP, "StepFun3.5-Flash", CHATML),
    Family("Hunyuan Hy3", LLAMA_CPP, "tencent-Hy3", HUNYUAN),
    Family("Hunyuan Hy3, thinking", LLAMA_CPP, "tencent-Hy3", HUNYUAN, {"reasoning_effort": "high"}),
    Family("Ling-3.0-flash", LLAMA_CPP, "inclusionai-ling-3.0-flash", ("<|endoftext|>", "<|role_end|>")),
    Family("MiMo-VL", LLAMA_CPP, "MiMo-VL", QWEN),
    Family("Apriel-1.5", LLAMA_CPP, "unsloth-Apriel-1.5", ("<|end|>",)),
    Family("Apriel-1.6-Thinker", LLAMA_CPP, "Apriel-1.6-15b-Thinker-fixed", ("<|end|>",)),
    Family("Bielik-11B-v3.0", LLAMA_CPP, "Bielik-11B-v3.0-Instruct", CHATML),
    Family("GigaChat3", LLAMA_CPP, "GigaChat3-10B-A1.8B", ("</s>", "<|message_sep|>")),
    Family("GigaChat3.1", LLAMA_CPP, "GigaChat3.1-10B-A1.8B", ("</s>", "<|message_sep|>")),
    Family("Laguna-S-2.1", LLAMA_CPP, "poolside-Laguna-S-2.1", LAGUNA),
    Family("Laguna-XS-2.1", LLAMA_CPP, "poolside-Laguna-XS-2.1", LAGUNA),
    Family("Laguna-XS.2", LLAMA_CPP, "poolside-Laguna-XS.2", LAGUNA),
    Family("Laguna-XS.2, thinking", LLAMA_CPP, "poolside-Laguna-XS.2", LAGUNA, ON),
    Family("MiniCPM5", LLAMA_CPP, "openbmb-MiniCPM5-1B", NEMOTRON),
    Family("Muse-Glimmer", LLAMA_CPP, "muse-glimmer", ("<|eot|>",)),
    Family("Reka-Edge", LLAMA_CPP, "Reka-Edge", ("<sep>", "<|endoftext|>")),
    Family("Solar-Open", LLAMA_CPP, "upstage-Solar-Open-100B", ("<|endoftext|>", "<|flush|>", "<|calls|>")),
    Family("Spark-2.5", LLAMA_CPP, "Spark2.5", DEEPSEEK),
)
"""Named as their publishers name them."""

_SPECIAL = re.compile(r"<[|｜][^<>|｜'\"{}\s]+[|｜]>|<\|[a-z_]+>|<[a-z_]+\|>|\[/?[A-Z_]{3,}\]")
"""What special tokens look like: `<|im_end|>`, `<｜User｜>`, `<|turn>`, `<turn|>`, `[TOOL_CALLS]`."""


def make_folder(family: Family, folder: Path) -> Path:
    """A model folder: the demo's tokenizer with the family's special tokens, its template and its stop tokens."""
    folder.mkdir()
    shutil.copy(DESK / "config.json", folder)
    template = family.template
    (folder / "chat_template.jinja").write_text(template)
    tokenizer = json.loads((DESK / "tokenizer.json").read_text())
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    known = tokenizer["model"]["vocab"]
    for token in dict.fromkeys(("<bos>", *family.stops, *_SPECIAL.findall(template))):
        if token not in ids:
            ids[token] = max(*known.values(), *ids.values()) + 1
            flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            tokenizer["added_tokens"].append({"id": ids[token], "content": token, "special": True, **flags})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = json.loads((DESK / "tokenizer_config.json").read_text())
    settings |= {"bos_token": "<bos>", "eos_token": family.stops[0]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    generation = {"eos_token_id": [ids[stop] for stop in family.stops]}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder

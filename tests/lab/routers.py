"""Routers of LLM servers, from PyPI, started in front of the same server. Each speaks HTTP/1.1 and, by prior knowledge, HTTP/2 on one port."""

import os

import proxies
import packages


class Router(proxies.Proxy):
    protocols = ("HTTP/1.1", "HTTP/2, clear")
    reloads = False
    pin = module = ""
    flags = ()

    def install(self):
        self.root = packages.python(self.name, [self.pin])
        self.version = f"{self.pin.split('==')[1]} (PyPI)"

    def configure(self):
        self.ports["HTTP/2, clear"] = self.clear

    def environment(self):
        return None

    def command(self):
        where = ["--host", "127.0.0.1", "--port", str(self.clear), "--prometheus-host", "127.0.0.1", "--prometheus-port", str(proxies.free())]
        return [f"{self.root}/bin/python", "-m", self.module, *self.flags, "--worker-urls", f"http://127.0.0.1:{self.upstream}", "--policy", "round_robin", *where]


class SglangRouter(Router):
    name, software, pin, module = "sglang-router", "sglang-router", "sglang-router==0.3.2", "sglang_router.launch_router"


class VllmRouter(Router):
    name, software, pin, module = "vllm-router", "vllm-router", "vllm-router==0.1.17", "vllm_router.launch_router"


class Smg(Router):
    name, software, pin, module = "smg", "smg", "smg==1.13.0", "smg.launch_router"


class Litellm(Router):
    """LiteLLM's proxy. It keeps a model away for some seconds after errors, which is switched off, or the checks would meet each other."""

    name, software, pin = "litellm", "LiteLLM proxy", "litellm[proxy]==1.106.12"
    protocols = ("HTTP/1.1",)

    def configure(self):
        (self.folder / "litellm.yaml").write_text(f"""
model_list:
  - model_name: lab
    litellm_params: {{model: openai/lab, api_base: "http://127.0.0.1:{self.upstream}/v1", api_key: none}}
router_settings: {{disable_cooldowns: true, num_retries: 0}}
litellm_settings: {{num_retries: 0, telemetry: false}}
""")

    def environment(self):
        # Without a key it starts only so; it listens on 127.0.0.1 alone.
        return {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}

    def command(self):
        return [f"{self.root}/bin/litellm", "--config", self.folder / "litellm.yaml", "--host", "127.0.0.1", "--port", str(self.clear)]


ROUTERS = [SglangRouter, VllmRouter, Smg, Litellm]

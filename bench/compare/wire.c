/* A wire between two TUN devices that holds each packet for a known time, in each direction its own.
 *
 *     wire FD FD THERE_US BACK_US        until its standard input ends
 *
 * It polls, before all others on its core where it may (SCHED_FIFO): a wire that sleeps, or waits for a core, is late by as much as
 * the machine is busy, and holds packets for longer than it knows, before it reads them and after they are due. What it prints is
 * what it did: for each TCP port of the first device's side, in nanoseconds, how long its first packet was held there and its first
 * one back (the SYN and its answer, from which a kernel has its first round trip), each from its read to its write, and for how long
 * at most they had lain unread before, since the poll before. Then how many packets passed, and how many of them went out more than
 * 50 us after they were due.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 1 << 15, BYTES = 1600, PORTS = 1 << 16, AT_ONCE = 8, LATE = 50000 };

struct packet {
    int64_t came, unread;
    int length;
    unsigned char bytes[BYTES];
};

/* One direction: packets leave in the order in which they came, for each is held as long. */
static struct direction {
    struct packet *ring;
    unsigned first, behind;
    int from, to;
    int64_t delay, polled;
    int64_t held[PORTS], unread[PORTS];
} ways[2];

static uint64_t passed, late;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int port_of(const struct packet *p, int way) {
    int head = (p->bytes[0] & 15) * 4;
    if (p->bytes[0] >> 4 != 4 || p->bytes[9] != 6 || p->length < head + 4) return 0;
    const unsigned char *port = p->bytes + head + (way ? 2 : 0);
    return port[0] << 8 | port[1];
}

static void take_in(struct direction *w) {
    for (int i = 0; i < AT_ONCE && w->behind - w->first < PACKETS; i++) {
        struct packet *p = &w->ring[w->behind % PACKETS];
        p->length = read(w->from, p->bytes, BYTES);
        int64_t at = now();
        if (p->length <= 0) {
            w->polled = at;
            return;
        }
        p->came = at;
        p->unread = w->polled ? at - w->polled : 0;
        w->behind++;
    }
}

static void let_out(struct direction *w, int way) {
    while (w->first != w->behind) {
        struct packet *p = &w->ring[w->first % PACKETS];
        if (now() < p->came + w->delay) return;
        if (write(w->to, p->bytes, p->length) < 0 && errno == EAGAIN) return;
        int64_t held = now() - p->came;
        int port = port_of(p, way);
        if (port && !w->held[port]) {
            w->held[port] = held;
            w->unread[port] = p->unread;
        }
        passed++;
        late += held > w->delay + LATE;
        w->first++;
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int fds[2] = {atoi(argv[1]), atoi(argv[2])};
    for (int way = 0; way < 2; way++) {
        ways[way].ring = calloc(PACKETS, sizeof(struct packet));
        if (!ways[way].ring) return 1;
        ways[way].from = fds[way];
        ways[way].to = fds[1 - way];
        ways[way].delay = atoll(argv[3 + way]) * 1000;
        fcntl(fds[way], F_SETFL, O_NONBLOCK);
    }
    struct sched_param first = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &first)) perror("the wire is not before others on its core");
    struct pollfd end = {0, POLLIN, 0};
    for (unsigned turn = 0; turn % 1024 || !poll(&end, 1, 0); turn++)
        for (int way = 0; way < 2; way++) {
            take_in(&ways[way]);
            let_out(&ways[0], 0);
            let_out(&ways[1], 1);
        }
    for (int port = 1; port < PORTS; port++)
        if (ways[0].held[port] && ways[1].held[port])
            printf("%d %lld %lld\n", port, (long long)(ways[0].held[port] + ways[1].held[port]),
                   (long long)(ways[0].unread[port] + ways[1].unread[port]));
    printf("passed %llu late %llu\n", (unsigned long long)passed, (unsigned long long)late);
    return 0;
}

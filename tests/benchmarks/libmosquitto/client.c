/* The contender libmosquitto: a program of its own, in the library's own language, with the arguments and the output of
   the other contenders' processes: `run-client libmosquitto WORKLOAD PORT COUNT`, a line of JSON. */

#include <mosquitto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    /* Messages that may be unacknowledged: the library looks through a list of them for each acknowledgement. */
    IN_FLIGHT = 100,
    PAYLOAD = 64,
};

/* What the callbacks have seen. */
struct progress {
    /* Messages whose publishing is complete: written, or acknowledged. */
    uint64_t published;
    uint64_t received;
    bool connected;
    bool subscribed;
    bool failed;
};

static const char payload[PAYLOAD] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/* Blocks of memory asked for. The library's calls find these functions before those of the C library. */
static _Atomic uint64_t allocations;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    allocations++;
    return __libc_realloc(block, size);
}

static void fail(const char *what, int code) {
    fprintf(stderr, "%s: %s\n", what, mosquitto_strerror(code));
    exit(1);
}

static void on_connect(struct mosquitto *client, void *data, int code) {
    struct progress *progress = data;
    (void)client;
    progress->connected = code == 0;
    progress->failed |= code != 0;
}

static void on_disconnect(struct mosquitto *client, void *data, int code) {
    struct progress *progress = data;
    (void)client;
    (void)code;
    progress->failed = true;
}

static void on_publish(struct mosquitto *client, void *data, int id) {
    struct progress *progress = data;
    (void)client;
    (void)id;
    progress->published++;
}

static void on_subscribe(struct mosquitto *client, void *data, int id, int count, const int *granted) {
    struct progress *progress = data;
    (void)client;
    (void)id;
    (void)count;
    (void)granted;
    progress->subscribed = true;
}

static void on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message) {
    struct progress *progress = data;
    (void)client;
    (void)message;
    progress->received++;
}

/* One turn of the library's loop: waits for the socket, reads and writes what it can. */
static void turn(struct mosquitto *client, struct progress *progress, int timeout) {
    int code = mosquitto_loop(client, timeout, 1);
    if (code != MOSQ_ERR_SUCCESS) fail("mosquitto_loop", code);
    if (progress->failed) fail("connection", MOSQ_ERR_CONN_LOST);
}

static struct mosquitto *connect_to(int port, bool at_once, struct progress *progress) {
    struct mosquitto *client = mosquitto_new("libmosquitto", true, progress);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_disconnect_callback_set(client, on_disconnect);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_max_inflight_messages_set(client, 0);
    /* Without it the kernel joins the library's many small writes: the default, and faster unless each is waited for. */
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, at_once);
    int code = mosquitto_connect(client, "127.0.0.1", port, 60);
    if (code != MOSQ_ERR_SUCCESS) fail("mosquitto_connect", code);
    while (!progress->connected) turn(client, progress, -1);
    return client;
}

static void publish(struct mosquitto *client, const char *topic, int qos) {
    int code = mosquitto_publish(client, NULL, topic, PAYLOAD, payload, qos, false);
    if (code != MOSQ_ERR_SUCCESS) fail("mosquitto_publish", code);
}

/* mosquitto_publish() writes to the socket itself while it is called outside of the library's loop. */
static void publish_all(struct mosquitto *client, struct progress *progress, int qos, uint64_t count) {
    progress->published = 0;
    for (uint64_t sent = 0; sent < count; sent++) {
        publish(client, "sink/temperature/1", qos);
        while (qos > 0 && sent + 1 - progress->published >= IN_FLIGHT) turn(client, progress, -1);
        /* What the socket did not take waits in the library. */
        while (qos == 0 && mosquitto_want_write(client)) turn(client, progress, -1);
    }
    if (qos == 0) {
        char barrier[64];
        snprintf(barrier, sizeof barrier, "barrier/%llu", (unsigned long long)count);
        publish(client, barrier, 1);
        count++;
    }
    while (progress->published < count) turn(client, progress, -1);
}

static void receive_all(struct mosquitto *client, struct progress *progress, int qos, uint64_t count) {
    char filter[64];
    snprintf(filter, sizeof filter, "source/%d/%09llu", qos, (unsigned long long)count);
    progress->received = 0;
    int code = mosquitto_subscribe(client, NULL, filter, qos);
    if (code != MOSQ_ERR_SUCCESS) fail("mosquitto_subscribe", code);
    /* One more than asked for: the message that says that all is done. */
    while (progress->received < count + 1) turn(client, progress, -1);
}

static void exchange(struct mosquitto *client, struct progress *progress) {
    progress->received = 0;
    publish(client, "echo/temperature/1", 0);
    while (progress->received == 0) turn(client, progress, -1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void print_duration(const char *name, uint64_t nanoseconds) {
    printf("\"%s\":{\"secs\":%llu,\"nanos\":%llu}", name, (unsigned long long)(nanoseconds / 1000000000u),
           (unsigned long long)(nanoseconds % 1000000000u));
}

static void print_measurement(uint64_t count, uint64_t elapsed, const uint64_t *sorted) {
    printf("{\"count\":%llu,", (unsigned long long)count);
    print_duration("elapsed", elapsed);
    if (sorted != NULL) {
        printf(",\"latency\":{");
        print_duration("p50", sorted[count * 50 / 100]);
        printf(",");
        print_duration("p99", sorted[count * 99 / 100]);
        printf("}");
    } else {
        printf(",\"latency\":null");
    }
    printf(",\"allocations\":%llu}\n", (unsigned long long)allocations);
}

static int by_value(const void *one, const void *other) {
    uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;
    return (left > right) - (left < right);
}

static void round_trips(struct mosquitto *client, struct progress *progress, uint64_t warm_up, uint64_t count) {
    int code = mosquitto_subscribe(client, NULL, "echo/temperature/1", 0);
    if (code != MOSQ_ERR_SUCCESS) fail("mosquitto_subscribe", code);
    while (!progress->subscribed) turn(client, progress, -1);
    for (uint64_t trip = 0; trip < warm_up; trip++) exchange(client, progress);
    uint64_t *times = calloc(count, sizeof *times);
    uint64_t began = now(), last = began;
    for (uint64_t trip = 0; trip < count; trip++) {
        exchange(client, progress);
        uint64_t time = now();
        times[trip] = time - last;
        last = time;
    }
    qsort(times, count, sizeof *times, by_value);
    print_measurement(count, last - began, times);
    free(times);
}

int main(int arguments, char **argument) {
    if (arguments != 6) {
        fprintf(stderr, "run-client libmosquitto WORKLOAD PORT COUNT\n");
        return 1;
    }
    const char *workload = argument[3];
    int port = atoi(argument[4]);
    uint64_t count = strtoull(argument[5], NULL, 10);
    uint64_t warm_up = count / 10 > 0 ? count / 10 : 1;
    int qos = workload[strlen(workload) - 1] - '0';

    mosquitto_lib_init();
    struct progress progress = {0};
    bool trips = strcmp(workload, "round-trip") == 0;
    struct mosquitto *client = connect_to(port, trips, &progress);
    if (trips) {
        round_trips(client, &progress, warm_up, count);
        return 0;
    }
    bool publishing = strncmp(workload, "publish-", 8) == 0;
    void (*run)(struct mosquitto *, struct progress *, int, uint64_t) = publishing ? publish_all : receive_all;
    run(client, &progress, qos, warm_up);
    uint64_t began = now();
    run(client, &progress, qos, count);
    print_measurement(count, now() - began, NULL);
    return 0;
}

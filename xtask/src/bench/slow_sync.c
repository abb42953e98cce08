/* A preloaded library that makes every sync of a process take longer, as on a slower disk. The sync itself is done first.
   SLOW_SYNC_MICROS: the added microseconds. SLOW_SYNC_COUNTER: a file of eight bytes, the number of delayed syncs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t *counter;
static long micros;

__attribute__((constructor)) static void begin(void) {
    const char *delay = getenv("SLOW_SYNC_MICROS"), *path = getenv("SLOW_SYNC_COUNTER");
    int file;
    micros = delay ? atol(delay) : 0;
    if (!path || (file = open(path, O_RDWR | O_CLOEXEC)) < 0) return;
    void *mapped = mmap(0, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) counter = mapped;
    close(file);
}

static int delay(long result) {
    struct timespec left = {micros / 1000000, micros % 1000000 * 1000};
    int kept = errno;
    if (counter) atomic_fetch_add(counter, 1);
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
    errno = kept;
    return (int)result;
}

int fsync(int file) { return delay(syscall(SYS_fsync, file)); }

int fdatasync(int file) { return delay(syscall(SYS_fdatasync, file)); }

int syncfs(int file) { return delay(syscall(SYS_syncfs, file)); }

int sync_file_range(int file, off_t from, off_t bytes, unsigned flags) {
    long result = syscall(SYS_sync_file_range, file, from, bytes, flags);
    /* Without this flag the call only starts writing. */
    return flags & SYNC_FILE_RANGE_WAIT_AFTER ? delay(result) : (int)result;
}

int msync(void *start, size_t bytes, int flags) {
    long result = syscall(SYS_msync, start, bytes, flags);
    return flags & MS_SYNC ? delay(result) : (int)result;
}

/* A preloaded shim that knows, for every file under one directory, what a power loss would leave of it.
 *
 * It keeps beside each file F (by inode, in MUSTER_SHIM_JOURNAL):
 *   INODE.disk    the bytes of F as of its last fsync or fdatasync: what the disk holds
 *   INODE.dirty   ranges of F changed since then, 16 bytes each (offset, length), noted before each change
 *   INODE.names   of a directory: names made, removed or moved since its last fsync, one line each, noted before each change
 * All of it is written with plain writes: the operating system survives, only the process is killed. The test harness then
 * "loses power": it undoes INODE.names and puts INODE.disk in the place of each file (tests/it/disk.rs). Real syncs are
 * not done: nothing here depends on the real disk.
 *
 * Control files, looked at on every call: while MUSTER_SHIM_FAIL_SYNC exists every sync under the directory fails with EIO
 * and, as Linux does, marks the changes clean, so that no later sync brings them to the disk; while MUSTER_SHIM_FULL exists
 * every write under the directory fails with ENOSPC; while MUSTER_SHIM_IGNORE_SYNC exists syncs succeed and do nothing,
 * only those of the files whose paths end in what it holds, if it holds anything.
 *
 * MUSTER_SHIM_FAIL_AT=K makes the K-th call of the process that changes, syncs, opens or names something under the directory
 * fail with the number in MUSTER_SHIM_ERRNO, and writes what was called into MUSTER_SHIM_MET ("sync workspaces/ID/redo-0").
 * With such a line in MUSTER_SHIM_FAIL_ONLY, only calls that it describes count. A write that finds no room has written its
 * first half.
 *
 * Not modelled: O_SYNC files, sync(2) and syncfs(2), stdio (it writes inside libc), io_uring, and writes through mmap
 * (SQLite's -shm, which it rebuilds at start, is left alone).
 * For 64-bit Linux. System calls are made directly, so that nothing here meets itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BUCKETS = 1024, COPY_BYTES = 1 << 18 };

struct file {
    dev_t dev;
    ino_t ino;
    int disk, dirty;
    char *path; /* where it was opened last; never freed */
    pthread_mutex_t lock; /* held over a change and its note, and over a sync */
    struct file *next;
};

struct range {
    uint64_t offset, length;
};

static struct file *buckets[BUCKETS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER; /* held over a change of names and its note */
static const char *root, *journal, *fail_sync, *ignore_sync, *full, *met, *only;
static uint64_t calls, fail_at; /* how many calls there were; which one fails, 0 if none */
static int fail_with;

__attribute__((constructor)) static void start(void) {
    root = getenv("MUSTER_SHIM_DIR");
    journal = getenv("MUSTER_SHIM_JOURNAL");
    fail_sync = getenv("MUSTER_SHIM_FAIL_SYNC");
    ignore_sync = getenv("MUSTER_SHIM_IGNORE_SYNC");
    full = getenv("MUSTER_SHIM_FULL");
    met = getenv("MUSTER_SHIM_MET");
    only = getenv("MUSTER_SHIM_FAIL_ONLY");
    const char *at = getenv("MUSTER_SHIM_FAIL_AT"), *with = getenv("MUSTER_SHIM_ERRNO");
    if (at && with && met) {
        fail_at = strtoull(at, NULL, 10);
        fail_with = atoi(with);
    }
    if (!journal) root = NULL;
}

static void broken(const char *what) {
    dprintf(2, "dropcache: %s: %s\n", what, strerror(errno));
    abort();
}

static long shorten(int side, uint64_t length) { return syscall(SYS_ftruncate, side, length); }
static bool exists(const char *path) { return path && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0; }

/* Whether this call is the one that fails; notes it if it is. */
static bool fails(const char *call, const char *path) {
    if (!fail_at) return false;
    char line[PATH_MAX + 32];
    int n = snprintf(line, sizeof line, "%s %s", call, path[strlen(root)] ? path + strlen(root) + 1 : ".");
    if (only && strcmp(line, only)) return false;
    if (__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) != fail_at) return false;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, met, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, line, n) != n) broken("note the call that fails");
    syscall(SYS_close, fd);
    errno = fail_with;
    return true;
}

/* Whether syncs of this file do nothing. */
static bool is_ignored(const char *path) {
    char end[PATH_MAX];
    int fd = ignore_sync ? (int)syscall(SYS_openat, AT_FDCWD, ignore_sync, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    ssize_t n = syscall(SYS_read, fd, end, sizeof end - 1);
    syscall(SYS_close, fd);
    end[n < 0 ? 0 : n] = 0;
    size_t all = strlen(path), wanted = strlen(end);
    return wanted <= all && !strcmp(path + all - wanted, end);
}

/* The absolute path of a name, false if it is not under the directory that is watched. */
static bool watched(int dirfd, const char *name, char path[PATH_MAX]) {
    if (!root || !name) return false;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX], link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, dirfd == AT_FDCWD ? "/proc/self/cwd" : link, base, sizeof base - 1);
        if (n < 0) return false;
        base[n] = 0;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return false;
    }
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') path[--n] = 0;
    size_t r = strlen(root);
    if (strncmp(path, root, r) || path[r] != '/') return false;
    return n < 4 || strcmp(path + n - 4, "-shm");
}

/* ---- files: their bytes on disk and their changes since ---- */

static int side_file(ino_t ino, const char *suffix, int flags) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%" PRIu64 ".%s", journal, (uint64_t)ino, suffix);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static void copy_range(int from, int to, uint64_t offset, uint64_t length) {
    char *bytes = malloc(COPY_BYTES);
    while (length > 0) {
        size_t want = length < COPY_BYTES ? length : COPY_BYTES;
        ssize_t got = syscall(SYS_pread64, from, bytes, want, offset);
        if (got <= 0) break; /* the file is shorter now: the length follows by itself */
        if (syscall(SYS_pwrite64, to, bytes, got, offset) != got) broken("copy to the disk image");
        offset += got;
        length -= got;
    }
    free(bytes);
}

static struct file *find(const struct stat *st) {
    pthread_mutex_lock(&table_lock);
    struct file *f = buckets[st->st_ino % BUCKETS];
    while (f && (f->ino != st->st_ino || f->dev != st->st_dev)) f = f->next;
    pthread_mutex_unlock(&table_lock);
    return f;
}

static struct file *file_of(int fd) {
    struct stat st;
    if (!root || fstat(fd, &st) || !S_ISREG(st.st_mode)) return NULL;
    return find(&st);
}

/* Opens a way to read the bytes behind a descriptor that may be write-only. */
static int reopen(int fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
}

/* Begins to watch an open file. One that is new has nothing on disk; one met for the first time is all on disk. */
static struct file *watch(int fd, const char *path, bool is_new) {
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) return NULL;
    pthread_mutex_lock(&table_lock);
    struct file *f = buckets[st.st_ino % BUCKETS];
    while (f && (f->ino != st.st_ino || f->dev != st.st_dev)) f = f->next;
    if (!f) {
        f = calloc(1, sizeof *f);
        f->dev = st.st_dev;
        f->ino = st.st_ino;
        f->path = strdup(path);
        pthread_mutex_init(&f->lock, NULL);
        f->disk = side_file(st.st_ino, "disk", O_RDWR);
        bool known = f->disk >= 0;
        if (!known) f->disk = side_file(st.st_ino, "disk", O_RDWR | O_CREAT);
        f->dirty = side_file(st.st_ino, "dirty", O_RDWR | O_CREAT | O_APPEND);
        if (f->disk < 0 || f->dirty < 0) broken("open side files");
        if (!known && !is_new) {
            int from = reopen(fd);
            copy_range(from, f->disk, 0, st.st_size);
            syscall(SYS_close, from);
        }
        f->next = buckets[st.st_ino % BUCKETS];
        buckets[st.st_ino % BUCKETS] = f;
    }
    if (strcmp(f->path, path)) f->path = strdup(path); /* it was moved, or its number belongs to another file now */
    if (is_new && (shorten(f->disk, 0) || shorten(f->dirty, 0))) broken("reset side files");
    pthread_mutex_unlock(&table_lock);
    return f;
}

static void note(struct file *f, uint64_t offset, uint64_t length) {
    struct range r = {offset, length};
    if (length && syscall(SYS_write, f->dirty, &r, sizeof r) != sizeof r) broken("note a change");
}

static uint64_t length_of(int fd) {
    struct stat st;
    return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

/* Where a change begins: at `offset`, or at the end of the file if that comes first (the gap becomes zeros). */
static void note_write(struct file *f, int fd, uint64_t offset, uint64_t length) {
    uint64_t end = length_of(fd), from = end < offset ? end : offset;
    note(f, from, offset + length - from);
}

static int sync_file(struct file *f, int fd) {
    if (is_ignored(f->path)) return 0;
    pthread_mutex_lock(&f->lock);
    bool is_chosen = fails("sync", f->path);
    if (is_chosen || exists(fail_sync)) {
        if (shorten(f->dirty, 0)) broken("forget changes");
        pthread_mutex_unlock(&f->lock);
        errno = is_chosen ? fail_with : EIO;
        return -1;
    }
    int from = reopen(fd);
    struct range r, all = {0, 0};
    for (off_t at = 0; syscall(SYS_pread64, f->dirty, &r, sizeof r, at) == sizeof r; at += sizeof r) {
        if (r.offset == all.offset + all.length) {
            all.length += r.length;
        } else {
            copy_range(from, f->disk, all.offset, all.length);
            all = r;
        }
    }
    copy_range(from, f->disk, all.offset, all.length);
    if (shorten(f->disk, length_of(fd)) || shorten(f->dirty, 0)) broken("finish a sync");
    syscall(SYS_close, from);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

/* ---- names: what a directory has on disk ---- */

static int names_of(const char *path, int flags) {
    char parent[PATH_MAX];
    struct stat st;
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = 0;
    if (stat(parent, &st)) return -1;
    return side_file(st.st_ino, "names", flags);
}

static uint64_t ticks(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

/* kind C: made, D: directory removed, U: removed (kept as third), R: moved to the third (what stood there kept as fourth) */
static void note_name(const char *in, char kind, const char *path, const char *third, const char *fourth) {
    char line[4 * PATH_MAX];
    int n = snprintf(line, sizeof line, "%" PRIu64 "\t%c\t%s\t%s\t%s\n", ticks(), kind, path, third, fourth);
    int fd = names_of(in, O_WRONLY | O_CREAT | O_APPEND);
    if (fd < 0 || syscall(SYS_write, fd, line, n) != n) broken("note a name");
    syscall(SYS_close, fd);
}

/* Keeps a file that is about to lose its name; "-" if there is none. */
static void keep(const char *path, char kept[PATH_MAX]) {
    snprintf(kept, PATH_MAX, "%s/kept.%" PRIu64, journal, ticks());
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0)) strcpy(kept, "-");
}

static int sync_directory(const struct stat *st, const char *path) {
    if (is_ignored(path)) return 0;
    if (fails("sync", path)) return -1;
    if (exists(fail_sync)) {
        errno = EIO;
        return -1;
    }
    pthread_mutex_lock(&names_lock);
    int names = side_file(st->st_ino, "names", O_RDWR);
    FILE *lines = names < 0 ? NULL : fdopen(names, "r+");
    if (lines) {
        static char line[4 * PATH_MAX];
        while (fgets(line, sizeof line, lines)) {
            char *rest = line, *field = NULL;
            line[strcspn(line, "\n")] = 0;
            for (int i = 0; i < 5 && (field = strsep(&rest, "\t")); i++)
                if (i >= 3 && strstr(field, "/kept.")) syscall(SYS_unlinkat, AT_FDCWD, field, 0);
        }
        if (shorten(names, 0)) broken("forget names");
        fclose(lines);
    }
    pthread_mutex_unlock(&names_lock);
    return 0;
}

static int any_sync(int fd, int call) {
    struct stat st;
    if (!root || fstat(fd, &st)) return (int)syscall(call, fd);
    if (S_ISDIR(st.st_mode)) {
        char path[PATH_MAX], link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
        path[n < 0 ? 0 : n] = 0;
        return strncmp(path, root, strlen(root)) ? (int)syscall(call, fd) : sync_directory(&st, path);
    }
    struct file *f = S_ISREG(st.st_mode) ? find(&st) : NULL;
    return f ? sync_file(f, fd) : (int)syscall(call, fd);
}

int fsync(int fd) { return any_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return any_sync(fd, SYS_fdatasync); }

/* ---- opening ---- */

static int any_open(int dirfd, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    /* Also what is opened for reading only: it can be synced through that descriptor. */
    if (flags & O_PATH || (flags & O_TMPFILE) == O_TMPFILE || !watched(dirfd, name, path))
        return (int)syscall(SYS_openat, dirfd, name, flags, mode);
    if (fails("open", path)) return -1;
    struct stat st;
    pthread_mutex_lock(&names_lock);
    bool is_new = stat(path, &st) != 0 && flags & O_CREAT;
    if (is_new) note_name(path, 'C', path, "-", "-");
    /* Watched first, truncated after: the disk still has what O_TRUNC takes away. */
    int fd = (int)syscall(SYS_openat, dirfd, name, flags & ~O_TRUNC, mode);
    int error = errno;
    struct file *f = fd < 0 ? NULL : watch(fd, path, is_new);
    pthread_mutex_unlock(&names_lock);
    if (f && flags & O_TRUNC && ftruncate(fd, 0)) error = errno;
    errno = error;
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...) { MODE(flags) return any_open(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return any_open(AT_FDCWD, name, flags | O_LARGEFILE, mode); }
int openat(int dirfd, const char *name, int flags, ...) { MODE(flags) return any_open(dirfd, name, flags, mode); }
int openat64(int dirfd, const char *name, int flags, ...) { MODE(flags) return any_open(dirfd, name, flags | O_LARGEFILE, mode); }
int creat(const char *name, mode_t mode) { return any_open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return creat(name, mode); }

/* ---- writing ---- */

static bool no_room(void) {
    if (!exists(full)) return false;
    errno = ENOSPC;
    return true;
}

static uint64_t place_of(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags & O_APPEND ? length_of(fd) : (uint64_t)lseek(fd, 0, SEEK_CUR);
}

static uint64_t total(const struct iovec *parts, int count) {
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}

static void write_half(struct file *f, int fd, const void *bytes, size_t n, uint64_t at) {
    pthread_mutex_lock(&f->lock);
    note_write(f, fd, at, n / 2);
    if (syscall(SYS_pwrite64, fd, bytes, n / 2, at) != (ssize_t)(n / 2)) broken("write the first half");
    pthread_mutex_unlock(&f->lock);
}

#define CHANGE(type, fd, offset, length, call, half) \
    struct file *f = file_of(fd); \
    if (!f) return (type)(call); \
    if (no_room()) return -1; \
    if (fails("write", f->path)) { \
        if (fail_with == ENOSPC) write_half half; \
        errno = fail_with; \
        return -1; \
    } \
    pthread_mutex_lock(&f->lock); \
    note_write(f, fd, offset, length); \
    type result = (type)(call); \
    int error = errno; \
    pthread_mutex_unlock(&f->lock); \
    errno = error; \
    return result;

ssize_t write(int fd, const void *bytes, size_t n) { CHANGE(ssize_t, fd, place_of(fd), n, syscall(SYS_write, fd, bytes, n), (f, fd, bytes, n, place_of(fd))) }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { CHANGE(ssize_t, fd, at, n, syscall(SYS_pwrite64, fd, bytes, n, at), (f, fd, bytes, n, at)) }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return pwrite(fd, bytes, n, at); }
ssize_t writev(int fd, const struct iovec *v, int n) { CHANGE(ssize_t, fd, place_of(fd), total(v, n), syscall(SYS_writev, fd, v, n), (f, fd, v->iov_base, v->iov_len, place_of(fd))) }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) { CHANGE(ssize_t, fd, at, total(v, n), syscall(SYS_pwritev, fd, v, n, at, 0), (f, fd, v->iov_base, v->iov_len, at)) }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) { return pwritev(fd, v, n, at); }

int fallocate(int fd, int mode, off_t at, off_t n) { CHANGE(int, fd, at, n, syscall(SYS_fallocate, fd, mode, at, n), (f, fd, "", 0, at)) }
int fallocate64(int fd, int mode, off64_t at, off64_t n) { return fallocate(fd, mode, at, n); }
int posix_fallocate(int fd, off_t at, off_t n) { return fallocate(fd, 0, at, n) ? errno : 0; }
int posix_fallocate64(int fd, off64_t at, off64_t n) { return posix_fallocate(fd, at, n); }

int ftruncate(int fd, off_t length) {
    struct file *f = file_of(fd);
    if (!f) return (int)syscall(SYS_ftruncate, fd, length);
    if (fails("truncate", f->path)) return -1;
    pthread_mutex_lock(&f->lock);
    uint64_t old = length_of(fd), now = (uint64_t)length;
    note(f, old < now ? old : now, old < now ? now - old : old - now);
    int result = (int)syscall(SYS_ftruncate, fd, length), error = errno;
    pthread_mutex_unlock(&f->lock);
    errno = error;
    return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

/* Copies inside the kernel are refused, so that the caller falls back to writes. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags) {
    if (!file_of(out)) return syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
    errno = EXDEV;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *at, size_t n) {
    if (!file_of(out)) return syscall(SYS_sendfile, out, in, at, n);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) { return sendfile(out, in, at, n); }

/* ---- names that come and go ---- */

static int finish(long result) {
    int error = errno;
    pthread_mutex_unlock(&names_lock);
    errno = error;
    return (int)result;
}

int unlinkat(int dirfd, const char *name, int flags) {
    char path[PATH_MAX], kept[PATH_MAX];
    struct stat st;
    if (!watched(dirfd, name, path) || stat(path, &st)) return (int)syscall(SYS_unlinkat, dirfd, name, flags);
    if (fails("unlink", path)) return -1;
    pthread_mutex_lock(&names_lock);
    if (S_ISDIR(st.st_mode)) {
        long result = syscall(SYS_unlinkat, dirfd, name, flags);
        int error = errno;
        if (result == 0) note_name(path, 'D', path, "-", "-");
        errno = error;
        return finish(result);
    }
    keep(path, kept);
    note_name(path, 'U', path, kept, "-");
    return finish(syscall(SYS_unlinkat, dirfd, name, flags));
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX], kept[PATH_MAX];
    struct stat st;
    if (!watched(from_dir, from, old) || !watched(to_dir, to, new) || stat(old, &st) || (flags && exists(new)))
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (fails("rename", old)) return -1;
    pthread_mutex_lock(&names_lock);
    keep(new, kept);
    note_name(new, 'R', old, new, kept);
    return finish(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) { return renameat2(from_dir, from, to_dir, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char new[PATH_MAX];
    if (!watched(to_dir, to, new) || exists(new)) return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (fails("link", new)) return -1;
    pthread_mutex_lock(&names_lock);
    note_name(new, 'C', new, "-", "-");
    return finish(syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int mkdirat(int dirfd, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!watched(dirfd, name, path) || exists(path)) return (int)syscall(SYS_mkdirat, dirfd, name, mode);
    if (fails("mkdir", path)) return -1;
    pthread_mutex_lock(&names_lock);
    note_name(path, 'C', path, "-", "-");
    return finish(syscall(SYS_mkdirat, dirfd, name, mode));
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* Makes operations on the files of a database fail; loaded by LD_PRELOAD, controlled through a shared file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

/* Operations are counted from 1; those from `first` to `last` fail with `error`. `reads`: only they count, else they do not. */
static struct { volatile long count, first, last, error, reads, failed; } *control;

static void prepare(void) {
    const char *path = getenv("DISK_FAULTS");
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int file = path ? real_open(path, O_RDWR) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) control = mapped;
}

__attribute__((constructor)) static void load(void) { prepare(); }

static int fails(int file, int is_read) {
    char link[64], path[4096];
    if (!control || is_read != !!control->reads) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (!strstr(path, ".db") || strstr(path, "-lock")) return 0;
    long index = __sync_add_and_fetch(&control->count, 1);
    if (index < control->first || index > control->last) return 0;
    __sync_add_and_fetch(&control->failed, 1);
    errno = (int)control->error;
    return 1;
}

#define WRAP(result, name, is_read, parameters, arguments)                    \
    result name parameters {                                                 \
        static result (*real) parameters;                                    \
        if (!real) real = dlsym(RTLD_NEXT, #name);                           \
        return fails(file, is_read) ? -1 : real arguments;                   \
    }

WRAP(ssize_t, write, 0, (int file, const void *data, size_t size), (file, data, size))
WRAP(ssize_t, pwrite, 0, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRAP(ssize_t, pwrite64, 0, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
WRAP(ssize_t, read, 1, (int file, void *data, size_t size), (file, data, size))
WRAP(ssize_t, pread, 1, (int file, void *data, size_t size, off_t at), (file, data, size, at))
WRAP(ssize_t, pread64, 1, (int file, void *data, size_t size, off64_t at), (file, data, size, at))
WRAP(int, fsync, 0, (int file), (file))
WRAP(int, fdatasync, 0, (int file), (file))
WRAP(int, ftruncate, 0, (int file, off_t size), (file, size))
WRAP(int, ftruncate64, 0, (int file, off64_t size), (file, size))

/* Stands for NVIDIA's libnvidia-ml.so.1: tells of the GPUs in the file that GLADIUS_FAKE_NVML names.

   The file is read anew at every call. Each line is one thing; processes and slices belong to the
   device above them, sizes are bytes, a "-" is what the driver does not tell:

     gpu UUID TOTAL USED CELSIUS          a whole GPU
     mig UUID TOTAL USED                  a MIG instance of the GPU above
     compute PID USED                     a process that computes on the device above
     graphics PID USED                    a process that draws on it

   A file that begins with "hang" keeps whoever asks waiting; without a file there is no driver.
   Layouts and numbers are those of nvml.h. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9 };
enum { MOST = 64 };
static const uint64_t UNKNOWN = UINT64_MAX;

typedef struct { unsigned pid; uint64_t used; unsigned gpu_instance, compute_instance; } Process;
typedef struct {
  char uuid[96];
  uint64_t total, used;
  unsigned celsius;
  int parent; /* of a MIG instance: its GPU; else -1 */
  unsigned computing, drawing;
  Process compute[MOST], graphics[MOST];
} Device;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned gpu, memory; } Utilization;

static Device devices[MOST];
static int count;

static uint64_t number(const char *text) {
  return strcmp(text, "-") ? strtoull(text, NULL, 10) : UNKNOWN;
}

static void add_process(Process *list, unsigned *used, const char *pid, const char *bytes) {
  if (*used < MOST) list[(*used)++] = (Process){(unsigned)atoi(pid), number(bytes), ~0u, ~0u};
}

static int load(void) {
  const char *path = getenv("GLADIUS_FAKE_NVML");
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) return DRIVER_NOT_LOADED;
  char line[512], kind[16], a[96], b[32], c[32], d[32];
  count = 0;
  int last_gpu = -1;
  while (fgets(line, sizeof line, file)) {
    int words = sscanf(line, "%15s %95s %31s %31s %31s", kind, a, b, c, d);
    if (words == 1 && !strcmp(kind, "hang")) for (;;) sleep(1);
    int is_mig = !strcmp(kind, "mig");
    if ((is_mig || !strcmp(kind, "gpu")) && words >= 4 && count < MOST) {
      Device *device = &devices[count];
      memset(device, 0, sizeof *device);
      strcpy(device->uuid, a);
      device->total = number(b);
      device->used = number(c);
      device->celsius = words > 4 ? (unsigned)number(d) : 40;
      device->parent = is_mig ? last_gpu : -1;
      if (!is_mig) last_gpu = count;
      count++;
    } else if (count && words >= 3 && !strcmp(kind, "compute")) {
      add_process(devices[count - 1].compute, &devices[count - 1].computing, a, b);
    } else if (count && words >= 3 && !strcmp(kind, "graphics")) {
      add_process(devices[count - 1].graphics, &devices[count - 1].drawing, a, b);
    }
  }
  fclose(file);
  return SUCCESS;
}

/* The nth device below a parent (-1: whole GPUs); NULL where there is none. */
static Device *nth(int parent, unsigned n) {
  for (int i = 0; i < count; i++)
    if (devices[i].parent == parent && n-- == 0) return &devices[i];
  return NULL;
}

static unsigned below(int parent) {
  unsigned found = 0;
  while (nth(parent, found)) found++;
  return found;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return load(); }
int nvmlInit_v2(void) { return load(); }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) {
  return code == DRIVER_NOT_LOADED ? "Driver Not Loaded" : code ? "Error" : "Success";
}
int nvmlSystemGetDriverVersion(char *text, unsigned size) {
  snprintf(text, size, "999.0");
  return SUCCESS;
}
int nvmlDeviceGetCount_v2(unsigned *found) {
  int code = load();
  *found = code ? 0 : below(-1);
  return code;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **device) {
  int code = load();
  *device = code ? NULL : nth(-1, index);
  return code ? code : *device ? SUCCESS : INVALID_ARGUMENT;
}
int nvmlDeviceGetUUID(Device *device, char *text, unsigned size) {
  snprintf(text, size, "%s", device->uuid);
  return SUCCESS;
}
int nvmlDeviceGetName(Device *device, char *text, unsigned size) {
  snprintf(text, size, device->parent < 0 ? "Fake A6000" : "Fake A6000 MIG 1g.6gb");
  return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(Device *device, Memory *memory) {
  int code = load();
  *memory = (Memory){device->total, device->total - device->used, device->used};
  return code;
}
int nvmlDeviceGetMemoryInfo_v2(Device *device, MemoryV2 *memory) {
  int code = load();
  memory->total = device->total;
  memory->reserved = 0;
  memory->used = device->used;
  memory->free = device->total - device->used;
  return code;
}
int nvmlDeviceGetUtilizationRates(Device *device, Utilization *rates) {
  if (device->parent >= 0) return NOT_SUPPORTED;
  *rates = (Utilization){device->used ? 90 : 0, 10};
  return SUCCESS;
}
int nvmlDeviceGetTemperature(Device *device, int sensor, unsigned *celsius) {
  (void)sensor;
  if (device->parent >= 0) return NOT_SUPPORTED;
  *celsius = device->celsius;
  return SUCCESS;
}
static int list(const Process *from, unsigned found, unsigned *size, Process *to) {
  unsigned room = *size;
  *size = found;
  if (found > room) return INSUFFICIENT_SIZE;
  if (found) memcpy(to, from, found * sizeof *from);
  return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned *size, Process *to) {
  int code = load();
  return code ? code : list(device->compute, device->computing, size, to);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Device *device, unsigned *size, Process *to) {
  int code = load();
  return code ? code : list(device->graphics, device->drawing, size, to);
}
int nvmlDeviceGetMigMode(Device *device, unsigned *now, unsigned *later) {
  if (device->parent >= 0) return INVALID_ARGUMENT;
  *now = *later = below((int)(device - devices)) > 0;
  return SUCCESS;
}
int nvmlDeviceGetMaxMigDeviceCount(Device *device, unsigned *most) {
  *most = device->parent < 0 ? 7 : 0;
  return SUCCESS;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned index, Device **found) {
  *found = nth((int)(device - devices), index);
  return *found ? SUCCESS : NOT_FOUND;
}

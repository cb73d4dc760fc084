/* NVIDIA's management library, as far as ringload asks it: two GPUs, the second without a counter of energy. Signatures
   as in nvml.h of NVML 12. Each reading of the first GPU's energy finds a kilojoule more. */
#include <stdio.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3 };

static int gpus[2];

static int is_second(void *device) { return device == &gpus[1]; }

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    snprintf(text, length, "570.1");
    return SUCCESS;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 2;
    return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index > 1) return INVALID_ARGUMENT;
    *device = &gpus[index];
    return SUCCESS;
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
    snprintf(text, length, is_second(device) ? "GPU-2" : "GPU-1");
    return SUCCESS;
}
int nvmlDeviceGetName(void *device, char *text, unsigned length) {
    snprintf(text, length, "NVIDIA \"Stub\"");
    return SUCCESS;
}
int nvmlDeviceGetMinorNumber(void *device, unsigned *number) {
    *number = is_second(device);
    return SUCCESS;
}
struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
int nvmlDeviceGetPciInfo_v3(void *device, struct pci *pci) {
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:1%d:00.0", is_second(device));
    return SUCCESS;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    *milliwatts = is_second(device) ? 100500 : 300000;
    return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    static unsigned long long sum;
    if (is_second(device)) return NOT_SUPPORTED;
    *millijoules = sum += 1000000;
    return SUCCESS;
}
struct rates { unsigned gpu, memory; };
int nvmlDeviceGetUtilizationRates(void *device, struct rates *rates) {
    (void)device;
    rates->gpu = 90;
    rates->memory = 40;
    return SUCCESS;
}
struct memory { unsigned version; unsigned long long total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory *memory) {
    (void)device;
    memory->total = 80000000000ull;
    memory->used = 60000000000ull;
    return SUCCESS;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius) {
    (void)device, (void)sensor;
    *celsius = 71;
    return SUCCESS;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    *reasons = is_second(device) ? 0 : 0x40;
    return SUCCESS;
}

package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Device;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GPUOptions;

/** What TensorFlow must be told, and asked, of a device. */
final class Devices {
  /** TensorFlow reads it when it is loaded: sessions then have threads of their own. */
  private static final String OWN_THREADS = "TF_OVERRIDE_GLOBAL_THREADPOOL";

  private Devices() {}

  /**
   * Refuses a device that is not there. The runtime must have been started.
   *
   * @throws IllegalArgumentException with one line
   */
  static void require(Device device) {
    if (device instanceof Device.Cores cores) {
      cores.requireHere();
    } else if (device instanceof Device.Gpu gpu) {
      int there = ai.djl.engine.Engine.getEngine("TensorFlow").getGpuCount();
      if (gpu.number() >= there) {
        throw new IllegalArgumentException(
            "the device %s is not there: this TensorFlow sees %d GPUs; one that was built for them is"
                    .formatted(gpu.label(), there)
                + " named by "
                + Natives.LIBRARY_PATH);
      }
    }
  }

  /**
   * TensorFlow's own operations otherwise run on threads that all sessions of the process share.
   *
   * @throws IllegalArgumentException with one line
   */
  static void requireThreadsOfItsOwn(Device device) {
    String own = System.getenv(OWN_THREADS);
    if (device instanceof Device.Cores && !"1".equals(own) && !"true".equals(own)) {
      throw new IllegalArgumentException(
          "the device %s, without Parley's kernels, needs %s=1 in the environment of the process, as"
                  .formatted(device.label(), OWN_THREADS)
              + " ./parley sets it");
    }
  }

  /** All sessions of a process see the GPU of the first one. */
  static ConfigProto options(ConfigProto options, Device device) {
    return device instanceof Device.Gpu gpu
        ? options.toBuilder()
            .setGpuOptions(
                GPUOptions.newBuilder()
                    .setAllowGrowth(true)
                    .setVisibleDeviceList(Integer.toString(gpu.number())))
            .build()
        : options;
  }
}

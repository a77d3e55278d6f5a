package io.parley.workers.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          cpu                   | cpu
          cpu:cores=3           | cpu:cores=3
          cpu:cores=0-3         | cpu:cores=0-3
          cpu:cores=6,0,1,2,8-9 | cpu:cores=0-2,6,8-9
          gpu:0                 | gpu:0
          """)
  void isReadAndNamed(String text, String label) {
    assertThat(Device.parse(text).label()).isEqualTo(label);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "CPU",
        "cpu:",
        "cpu:cores=",
        "cpu:cores=a",
        "cpu:cores=3-1",
        "cpu:cores=1-",
        "gpu",
        "cpu:cores=0,,1",
        "cpu:cores=0-99999999",
        "gpu:-1",
        "gpu:1000",
        "tpu:0"
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> Device.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a device is cpu, cpu:cores=0-3,6");
  }

  @Test
  void aThreadIsBoundWhileItWorksOrForGood() throws Exception {
    String here = allowed();
    String one = here.split("[-,]")[0];
    ThreadBinding binding = ThreadBinding.to(Device.parse("cpu:cores=" + one));

    assertThat(binding.during(DeviceTest::allowed)).isEqualTo(one);
    assertThat(allowed()).isEqualTo(here);
    Thread thread =
        new Thread(
            () -> {
              binding.bindForGood();
              assertThat(allowed()).isEqualTo(one);
              assertThat(binding.during(DeviceTest::allowed)).isEqualTo(one);
            });
    Throwable[] failure = new Throwable[1];
    thread.setUncaughtExceptionHandler((in, why) -> failure[0] = why);
    thread.start();
    thread.join();
    assertThat(failure[0]).isNull();

    assertThat(ThreadBinding.to(Device.parse("cpu:cores=" + one)).group())
        .isEqualTo(binding.group());
    assertThat(ThreadBinding.to(Device.CPU).group()).isZero();
  }

  private static String allowed() {
    try {
      return Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
          .filter(line -> line.startsWith("Cpus_allowed_list:"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElseThrow();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}

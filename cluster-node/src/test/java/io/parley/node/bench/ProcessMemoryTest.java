package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
  @Test
  void readsWhatLinuxSays() {
    List<String> status = List.of("Name:\tjava", "VmHWM:\t  2048 kB", "VmRSS:\t    1024 kB");
    assertThat(ProcessMemory.read(status)).isEqualTo(new ProcessMemory(1 << 20, 2 << 20));
  }

  @Test
  void isZeroWhereNothingIsSaid() {
    assertThat(ProcessMemory.read(List.of())).isEqualTo(new ProcessMemory(0, 0));
  }
}

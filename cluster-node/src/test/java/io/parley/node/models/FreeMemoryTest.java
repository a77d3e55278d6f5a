package io.parley.node.models;

import static io.parley.node.models.MemoryFiles.machine;
import static io.parley.node.models.MemoryFiles.write;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FreeMemoryTest {
  @TempDir private Path root;

  @Test
  void isWhatTheMachineHasWhereNoGroupBindsIt() throws IOException {
    machine(root, 1000);
    write(root.resolve("proc/self/cgroup"), "0::/\n");
    write(root.resolve("sys/fs/cgroup/memory.max"), "max\n");
    write(root.resolve("sys/fs/cgroup/memory.current"), "500\n");

    assertThat(new FreeMemory(root).bytes()).isEqualTo(1000 * 1024);
  }

  @Test
  void isWhatTheTightestGroupLeavesAndCachesCountAsFree() throws IOException {
    machine(root, 1000);
    write(root.resolve("proc/self/cgroup"), "0::/outer/inner\n");
    write(root.resolve("sys/fs/cgroup/outer/memory.max"), "5000\n");
    write(root.resolve("sys/fs/cgroup/outer/memory.current"), "4000\n");
    write(root.resolve("sys/fs/cgroup/outer/memory.stat"), "anon 1\ninactive_file 300\n");
    write(root.resolve("sys/fs/cgroup/outer/inner/memory.max"), "max\n");
    write(root.resolve("sys/fs/cgroup/outer/inner/memory.current"), "4000\n");

    assertThat(new FreeMemory(root).bytes()).isEqualTo(1300);
  }

  @Test
  void readsTheFirstVersionOfControlGroups() throws IOException {
    machine(root, 1000);
    write(root.resolve("proc/self/cgroup"), "9:name=systemd:/\n4:cpu,memory:/box\n0::/\n");
    Path group = root.resolve("sys/fs/cgroup/memory/box");
    write(group.resolve("memory.limit_in_bytes"), "9000\n");
    write(group.resolve("memory.usage_in_bytes"), "8000\n");
    write(group.resolve("memory.stat"), "total_inactive_file 10\n");
    write(root.resolve("sys/fs/cgroup/memory/memory.limit_in_bytes"), "9223372036854771712\n");
    write(root.resolve("sys/fs/cgroup/memory/memory.usage_in_bytes"), "8000\n");

    assertThat(new FreeMemory(root).bytes()).isEqualTo(1010);
  }

  @Test
  void isWithoutEndWhereTheSystemSaysNothing() {
    assertThat(new FreeMemory(root).bytes()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void readsWhatThisMachineSays() {
    FreeMemory memory = FreeMemory.ofThisMachine();
    assertThat(memory.bytes()).isBetween(1L << 20, 1L << 50);
    assertThat(memory.residentBytes(ProcessHandle.current().pid())).isGreaterThan(1 << 20);
  }
}

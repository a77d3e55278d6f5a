package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheFolderTest {
  @TempDir private Path temporary;
  private Path folder;
  private final AtomicInteger made = new AtomicInteger();

  @BeforeEach
  void choose() {
    folder = temporary.resolve("cache").resolve("thing");
  }

  private Path obtain() {
    return CacheFolder.obtain(
        folder,
        candidate -> Files.exists(candidate.resolve("file")),
        target -> {
          made.incrementAndGet();
          Files.writeString(target.resolve("file"), "content");
        });
  }

  @Test
  void makesAFolderOnce() {
    obtain();
    obtain();

    assertThat(folder.resolve("file")).hasContent("content");
    assertThat(made).hasValue(1);
  }

  @Test
  void makesItOnceForManyThreads() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      Callable<Path> task = this::obtain;
      for (var result : threads.invokeAll(Stream.generate(() -> task).limit(8).toList())) {
        assertThat(result.get()).isEqualTo(folder);
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(made).hasValue(1);
  }

  @Test
  void leavesNothingHalfWritten() throws IOException {
    assertThatThrownBy(
            () ->
                CacheFolder.obtain(
                    folder,
                    Files::exists,
                    target -> {
                      Files.writeString(target.resolve("file"), "half");
                      throw new IOException("No space left on device");
                    }))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("No space left on device");

    try (Stream<Path> left = Files.list(folder.getParent())) {
      assertThat(left.map(path -> path.getFileName().toString())).containsExactly("thing.lock");
    }
  }

  @Test
  void replacesWhatACrashOrDamageLeft() throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("other"), "damaged");
    Path unfinished = folder.resolveSibling("thing.tmp");
    Files.createDirectories(unfinished);
    Files.writeString(unfinished.resolve("file"), "half");

    obtain();

    assertThat(folder.resolve("other")).doesNotExist();
    assertThat(folder.resolve("file")).hasContent("content");
    assertThat(unfinished).doesNotExist();
  }
}

package io.parley.workers.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EngineSettingsTest {
  private static EngineSettings with(String overrides) {
    return EngineSettings.from(
        ConfigFactory.parseString(overrides).withFallback(ConfigFactory.defaultReference()));
  }

  @Test
  void readsTheReference() {
    EngineSettings settings = with("");

    assertThat(settings.cacheFolder()).isEqualTo(EngineSettings.defaultCacheFolder());
    assertThat(settings.kernels()).isEqualTo(Kernels.AUTO);
    assertThat(settings.arithmetic()).contains(Arithmetic.F32);
    assertThat(settings.kvMemoryBytes()).isEqualTo(768L << 20);
  }

  @Test
  void readsEachKey() {
    EngineSettings settings =
        with(
            """
            parley.engine {
              cache-folder = /somewhere
              kernels = avx2
              arithmetic = bf16
              threads = 3
              kv-memory = 1MiB
              kv-blocks = 17
              max-batch-tokens = 99
            }
            """);

    assertThat(settings.cacheFolder()).hasToString("/somewhere");
    assertThat(settings.kernels()).isEqualTo(Kernels.AVX2);
    assertThat(settings.arithmetic()).contains(Arithmetic.BF16);
    assertThat(settings.threads()).isEqualTo(3);
    assertThat(settings.kvMemoryBytes()).isEqualTo(1L << 20);
    assertThat(settings.kvBlocks()).isEqualTo(17);
    assertThat(settings.maxBatchTokens()).isEqualTo(99);
  }

  @ParameterizedTest
  @CsvSource({
    "kernels,sse",
    "arithmetic,int3",
    "threads,-1",
    "kv-memory,0",
    "kv-blocks,-1",
    "max-batch-tokens,0",
  })
  void refusesBadValuesByName(String key, String value) {
    assertThatThrownBy(() -> with("parley.engine." + key + "=" + value))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.engine." + key)
        .hasMessageContaining("allows");
  }
}

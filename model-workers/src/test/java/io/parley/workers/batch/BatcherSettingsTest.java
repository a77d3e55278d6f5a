package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatcherSettingsTest {
  private static final Config REFERENCE = ConfigFactory.defaultReference();

  @Test
  void referenceIsReadAndEveryKeyIsUsed() {
    BatcherSettings settings = BatcherSettings.from(REFERENCE);
    assertThat(settings).isEqualTo(new BatcherSettings(32, 512, 128, true, 64, 2, 32, 16));
    assertThat(REFERENCE.getConfig("parley.batcher").root())
        .hasSize(BatcherSettings.class.getRecordComponents().length);
  }

  @ParameterizedTest
  @CsvSource({
    "slots, 0, 1 to 4096",
    "slots, many, a whole number",
    "max-batch-tokens, 31, slots (32) to 65536",
    "prefill-chunk, 513, 1 to max-batch-tokens (512)",
    "prefix-cache, maybe, on or off",
    "waiting-max, -1, 0 to 65536",
    "prompt-threads, 0, 1 to 64",
    "forms, 0, 1 to 4096",
    "draft-rows, 257, 0 to 256"
  })
  void badValueIsRefusedWithItsKeyAndWhatItAllows(String key, String value, String allowed) {
    Config config =
        ConfigFactory.parseString("parley.batcher." + key + " = " + value).withFallback(REFERENCE);
    assertThatThrownBy(() -> BatcherSettings.from(config))
        .hasMessageContaining("parley.batcher." + key)
        .hasMessageContaining(allowed);
  }
}

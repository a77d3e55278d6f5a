package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.workers.encoder.EncoderFiles;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.text.FileTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Real weights: embeddings are those of the reference, and the same bits in every batch. */
class EncoderIT {
  private static final String MODEL = "all-minilm-l6-v2";
  private static final double COSINE_MIN = 0.9999;

  /** A text of the reference, which {@code src/test/golden/encoder} makes. */
  private record Golden(String text, int[] ids, float[] embedding) {
    static List<Golden> all() throws IOException {
      List<Golden> all = new ArrayList<>();
      try (InputStream in =
          EncoderIT.class.getResourceAsStream("/golden/" + MODEL + "/embeddings.json")) {
        for (JsonNode entry : new ObjectMapper().readTree(in)) {
          int[] ids = new int[entry.get("ids").size()];
          for (int i = 0; i < ids.length; i++) {
            ids[i] = entry.get("ids").get(i).intValue();
          }
          byte[] bytes = entry.get("embedding").binaryValue();
          float[] embedding = new float[bytes.length / Float.BYTES];
          ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(embedding);
          all.add(new Golden(entry.get("text").textValue(), ids, embedding));
        }
      }
      assertThat(all).hasSizeGreaterThan(20);
      return all;
    }
  }

  /** Those that this CPU runs, and the graph of TensorFlow's operations. */
  static Stream<Kernels> variants() {
    return Stream.concat(KernelGraphIT.variants(), Stream.of(Kernels.OFF));
  }

  private static StoredModel stored() {
    return ModelStore.in(EngineSettings.defaultCacheFolder()).obtain(MODEL, ProgressListener.NONE);
  }

  private static TensorFlowEncoder load(Kernels kernels, int threads) {
    EngineSettings settings =
        new EngineSettings(
            EngineSettings.defaultCacheFolder(),
            kernels,
            Optional.of(Arithmetic.F32),
            threads,
            1,
            1,
            1);
    StoredModel model = stored();
    return TensorFlowEncoder.load(
        model.file(), model.manifest().sha256(), settings, ImportListener.NONE);
  }

  @ParameterizedTest
  @MethodSource("variants")
  void embedsAsTheReferenceDoes(Kernels kernels) throws IOException {
    List<Golden> golden = Golden.all();
    try (TensorFlowEncoder encoder = load(kernels, 0)) {
      assertThat(encoder.spec().dimensions()).isEqualTo(384);
      assertThat(encoder.spec().contextLength()).isEqualTo(256);
      float[][] embeddings = encoder.embed(golden.stream().map(Golden::ids).toList());
      for (int i = 0; i < embeddings.length; i++) {
        double cosine = cosine(embeddings[i], golden.get(i).embedding());
        assertThat(cosine).as(golden.get(i).text()).isGreaterThan(COSINE_MIN);
        assertThat(length(embeddings[i])).isCloseTo(1, offset(1e-5));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void aTextIsTheSameBitsWhateverElseIsInTheCall(Kernels kernels) {
    Random random = new Random(5);
    List<int[]> texts = new ArrayList<>();
    for (int length : new int[] {1, 2, 3, 5, 15, 16, 17, 31, 64, 100, 255, 256}) {
      texts.add(random.ints(length, 0, 30_522).toArray());
    }
    float[][] alone = new float[texts.size()][];
    try (TensorFlowEncoder encoder = load(kernels, 1)) {
      for (int i = 0; i < alone.length; i++) {
        alone[i] = encoder.embed(List.of(texts.get(i)))[0];
      }
    }
    try (TensorFlowEncoder encoder = load(kernels, kernels == Kernels.OFF ? 1 : 3)) {
      List<Integer> order = new ArrayList<>();
      for (int i = 0; i < alone.length; i++) {
        order.add(i);
      }
      for (int round = 0; round < 4; round++) {
        Collections.shuffle(order, random);
        List<Integer> some = order.subList(0, 3 + random.nextInt(order.size() - 3));
        float[][] together = encoder.embed(some.stream().map(texts::get).toList());
        for (int i = 0; i < together.length; i++) {
          assertThat(together[i])
              .as("a text of %d tokens", texts.get(some.get(i)).length)
              .isEqualTo(alone[some.get(i)]);
        }
      }
    }
  }

  @Test
  void tokenizesAsTheReferenceDoes() throws IOException {
    try (FileTokenizer tokenizer =
        FileTokenizer.open(
            EncoderFiles.tokenizer(stored().file()), 30_522, EngineSettings.defaultCacheFolder())) {
      for (Golden golden : Golden.all()) {
        assertThat(tokenizer.encode(golden.text())).as(golden.text()).isEqualTo(golden.ids());
      }
    }
  }

  @Test
  void whatTheGraphMustNotSeeIsRefused() {
    try (TensorFlowEncoder encoder = load(Kernels.AUTO, 0)) {
      assertThat(encoder.embed(List.of())).isEmpty();
      for (int[] bad : List.of(new int[0], new int[257], new int[] {-1}, new int[] {30_522})) {
        assertThatThrownBy(() -> encoder.embed(List.of(new int[] {101}, bad)))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  private static double cosine(float[] a, float[] b) {
    return product(a, b) / length(a) / length(b);
  }

  private static double length(float[] vector) {
    return Math.sqrt(product(vector, vector));
  }

  private static double product(float[] a, float[] b) {
    double product = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
    }
    return product;
  }
}

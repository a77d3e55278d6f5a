package io.parley.workers.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.workers.gguf.GgufWriter;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a node cannot run is refused where models come in, in one line that names it. */
class ModelSupportTest {
  @TempDir Path folder;

  static Stream<Arguments> refused() {
    return Stream.of(
        refusal(
            "another architecture",
            TinyModel.of("bert"),
            "architecture 'bert' is not supported; supported are llama, qwen2, qwen3, gemma3"),
        refusal(
            "experts",
            TinyModel.of("llama").integer("llama.expert_count", 8),
            "mixture-of-experts models are not supported"),
        refusal(
            "WordPiece",
            TinyModel.with("tokenizer.ggml.model", "bert"),
            "the vocabulary kind 'bert' (tokenizer.ggml.model) is not supported"),
        refusal(
            "SentencePiece without its scores",
            TinyModel.with("tokenizer.ggml.model", "llama"),
            "'tokenizer.ggml.scores' is missing"),
        refusal(
            "an unknown way to cut words",
            TinyModel.with("tokenizer.ggml.pre", "tekken"),
            "the pre-tokenizer 'tekken'"),
        refusal(
            "YaRN",
            TinyModel.with("llama.rope.scaling.type", "yarn"),
            "RoPE scaling 'yarn' is not supported"),
        refusal(
            "partly rotated heads of an odd width",
            TinyModel.of("llama").integer("llama.rope.dimension_count", 3),
            "'llama.rope.dimension_count' is 3"),
        refusal(
            "a bias",
            TinyModel.of("llama").tensor("blk.0.attn_q.bias", new float[8], 8),
            "tensor 'blk.0.attn_q.bias' is not part of the models of this architecture"),
        refusal(
            "a quantization that is not read",
            TinyModel.of("llama").tensor("output.weight", 10, new byte[84], 256),
            "unsupported type Q2_K"),
        refusal(
            "no chat template",
            TinyModel.with("tokenizer.chat_template", null),
            "the model file has no chat template"),
        refusal(
            "a chat template that refuses a greeting",
            TinyModel.with("tokenizer.chat_template", "{{ raise_exception('never') }}"),
            "never"));
  }

  private static Arguments refusal(String what, GgufWriter file, String message) {
    return Arguments.of(what, file, message);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refused")
  void refusesWhatCannotRun(String what, GgufWriter writer, String message) {
    Path file = writer.write(folder.resolve("model.gguf"));
    ModelStore store = ModelStore.in(folder.resolve("cache"));

    assertThatThrownBy(() -> store.pull(file.toString(), ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    assertThatThrownBy(() -> store.obtain(file.toString(), ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(message);
    assertThat(store.list()).isEmpty();
  }

  @Test
  void takesWhatRuns() {
    Path file =
        TinyModel.with("llama.rope.scaling.type", "linear")
            .number("llama.rope.scaling.factor", 4f)
            .write(folder.resolve("model.gguf"));

    assertThat(ModelStore.describe(file).ropeScaling()).isEqualTo("linear");
  }
}

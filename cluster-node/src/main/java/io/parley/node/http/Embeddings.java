package io.parley.node.http;

import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import java.util.List;
import java.util.concurrent.CompletionStage;

/** The way to the workers of text encoders. */
public interface Embeddings {
  /** What is to be embedded. */
  sealed interface Input {
    /** How many texts. */
    int size();

    /** Texts as they are. */
    record Texts(List<String> texts) implements Input {
      public Texts {
        texts = List.copyOf(texts);
      }

      @Override
      public int size() {
        return texts.size();
      }
    }

    /** Texts as ids of the model's tokens. */
    record Tokens(List<int[]> texts) implements Input {
      public Tokens {
        texts = List.copyOf(texts);
      }

      @Override
      public int size() {
        return texts.size();
      }
    }
  }

  /**
   * What came of it.
   *
   * @param vectors in the order of the input
   * @param tokens of all texts together
   */
  record Result(List<float[]> vectors, int tokens) {
    public Result {
      vectors = List.copyOf(vectors);
    }
  }

  /**
   * Has texts embedded.
   *
   * @param closed when it is given, nobody waits for the result any more
   * @return fails with an {@link ApiException} when they are refused
   */
  CompletionStage<Result> embed(TenantId tenant, ModelInfo model, Input input, Signal closed);
}

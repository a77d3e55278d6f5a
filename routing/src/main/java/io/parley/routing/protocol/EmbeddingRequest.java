package io.parley.routing.protocol;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.List;

/**
 * Texts whose embeddings are wanted, as an encoder's worker pulls them. Nothing of it is stored,
 * and computing it twice does no harm: who hears nothing asks again.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
  @JsonSubTypes.Type(value = EmbeddingRequest.Texts.class, name = "texts"),
  @JsonSubTypes.Type(value = EmbeddingRequest.Tokens.class, name = "tokens")
})
public sealed interface EmbeddingRequest extends CborSerializable {
  /** The most texts of one request: a fraction of what an encoder does in a second. */
  int SIZE_MAX = 64;

  /** So many characters make a token, more or less; only the sharing of work depends on it. */
  int CHARACTERS_OF_A_TOKEN = 4;

  /** Unique. */
  String id();

  TenantId tenant();

  /** Past it the answer is of no use; what has not begun is refused. */
  long deadlineEpochMillis();

  /** How many texts. */
  int size();

  /** About how much it is to compute. */
  int estimatedTokens();

  /** Texts that the worker tokenizes. */
  record Texts(String id, TenantId tenant, List<String> texts, long deadlineEpochMillis)
      implements EmbeddingRequest {
    public Texts {
      texts = List.copyOf(texts);
    }

    @Override
    public int size() {
      return texts.size();
    }

    @Override
    public int estimatedTokens() {
      return texts.stream().mapToInt(Texts::estimatedTokens).sum();
    }

    /** With the tokens that begin and end it. */
    public static int estimatedTokens(String text) {
      return text.length() / CHARACTERS_OF_A_TOKEN + 2;
    }
  }

  /** Texts as ids of the model's tokens, taken as they are. */
  record Tokens(String id, TenantId tenant, List<int[]> tokens, long deadlineEpochMillis)
      implements EmbeddingRequest {
    public Tokens {
      tokens = List.copyOf(tokens);
    }

    @Override
    public int size() {
      return tokens.size();
    }

    @Override
    public int estimatedTokens() {
      return tokens.stream().mapToInt(text -> text.length).sum();
    }
  }

  /** Nobody waits for the request's answer any more. */
  record Cancel(String id) implements WorkerMessage {}
}

package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.Embeddings;
import io.parley.node.http.Json;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Embeddings as OpenAI's clients read them. */
public final class EmbeddingJson {
  private EmbeddingJson() {}

  /** The list of all embeddings of a request. */
  public static ObjectNode list(EmbeddingRequest request, Embeddings.Result result) {
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    int index = 0;
    for (float[] vector : result.vectors()) {
      ObjectNode entry = data.addObject().put("object", "embedding").put("index", index++);
      if (request.base64()) {
        entry.put("embedding", littleEndian(vector)); // Jackson writes bytes as base64
      } else {
        ArrayNode numbers = entry.putArray("embedding");
        for (float number : vector) {
          numbers.add(number);
        }
      }
    }
    list.put("model", request.model().id().toString());
    list.putObject("usage")
        .put("prompt_tokens", result.tokens())
        .put("total_tokens", result.tokens());
    return list;
  }

  private static byte[] littleEndian(float[] vector) {
    ByteBuffer bytes =
        ByteBuffer.allocate(vector.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    return bytes.array();
  }
}

package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.typesafe.config.ConfigFactory;
import io.parley.routing.protocol.ModelInfo;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelRoutesTest {
  private static ApiException requireOfNobody(boolean hasHeard) {
    ModelCatalog nobody =
        new ModelCatalog() {
          @Override
          public List<ModelInfo> models() {
            return List.of();
          }

          @Override
          public Optional<ModelInfo> find(String nameOrId) {
            return Optional.empty();
          }

          @Override
          public boolean hasHeard() {
            return hasHeard;
          }
        };
    ModelRoutes routes = new ModelRoutes(nobody, HttpSettings.of(ConfigFactory.load()));
    return catchThrowableOfType(ApiException.class, () -> routes.require("story"));
  }

  @Test
  void aModelThatNobodyServesIsNotFoundAlsoWhenThereIsNoOther() {
    ApiException refused = requireOfNobody(true);
    assertThat(refused.status()).isEqualTo(404);
    assertThat(refused.code()).isEqualTo("model_not_found");
  }

  @Test
  void beforeAnyWorkerIsKnownItMayCome() {
    ApiException refused = requireOfNobody(false);
    assertThat(refused.status()).isEqualTo(503);
    assertThat(refused.code()).isEqualTo("no_worker");
  }
}

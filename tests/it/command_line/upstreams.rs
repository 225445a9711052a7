//! `exeunt upstream`.

use super::Stage;

#[tokio::test]
async fn an_upstream_that_left_the_file_is_out_of_use_until_its_name_is_freed() {
    let stage = Stage::new(
        "[[upstreams]]\nid = \"house\"\nissuer = \"https://id.house.example\"\nclient_id = \"exeunt\"\n\
         token_endpoint_auth_method = \"private_key_jwt\"\n",
    );
    stage.serve().await.stop();
    let add = "upstream add house --issuer https://id.house.example --client-id exeunt --auth-method private_key_jwt";
    assert!(stage.run(add).err.contains("declared in the configuration"));
    stage.declare("");
    stage.serve().await.stop();
    let tested = stage.run("upstream test house");
    assert_eq!(tested.code, Some(1));
    assert!(tested.err.contains("left the configuration"), "{tested:?}");
    let again = stage.run(add);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("exeunt upstream remove"), "{again:?}");
    assert_eq!(stage.run("upstream remove house").code, Some(0));
    assert_eq!(stage.run(add).code, Some(0));
}

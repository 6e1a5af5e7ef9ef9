//! The embedded stack reaches the device that is named, or says why not.
use crate::embed::ask;

#[tokio::test]
async fn each_device_answers_for_itself_and_no_other_answers_for_it() {
    let answers = ask(&["edge1", "edge2", "edge3", "edge9", "edge1"]).await.unwrap();
    let [one, two, three, nine, again] = answers.as_slice() else { panic!("an answer each, not {answers:?}") };
    assert_eq!([one, two, again], ["edge1", "edge2", "edge1"]);
    assert!(three.starts_with("NoEndpointOnDevice") && three.contains("edge1, edge2"), "{three}");
    assert!(nine.starts_with("NoSuchDevice"), "{nine}");
}

/** 500 plain English words. None is another one with an ending. */
export const PLAIN_WORDS: readonly string[] = (
  'acorn action actor album alley amber anchor animal ankle answer apple apron arch arena arrow artist aspect atlas ' +
  'author autumn badge bakery balance ballet bamboo banana banner barley barn barrel basin basket battery beacon ' +
  'beard beaver beetle belt bench berry bishop blanket blossom boat bonus border bottle boulder boundary bracket ' +
  'branch brass bread breeze brick broom brother bubble bucket budget builder bundle burden butter button cabbage ' +
  'cabin cable cactus camel camera canal candy canvas canyon carbon career cargo carpet carrot cartoon castle ' +
  'cattle cave ceiling cellar cement census cereal chamber channel chapel chapter charity cheese cherry chicken ' +
  'chimney chorus cinema circle citizen clay cliff climate clinic cloak cloud clover coach coal coast cobalt coffee ' +
  'collar colony column comet comfort compass concert copper coral corner cotton council courage cousin cradle ' +
  'crane crater credit cricket crisis crowd crystal culture cupboard curtain custom dairy damage dancer danger ' +
  'debate decade deer degree delta dentist deposit desert detail device diamond dinner diploma dispute doctor ' +
  'donkey drama drawer dream drum eagle earth eclipse editor effort elbow elephant embassy emerald energy engine ' +
  'episode equator error escape essay estate evening exile expert fabric factor fairy falcon family farmer fashion ' +
  'feather fence ferry fever fiber fiction figure filter finger flag flame flavor fleet flower folder forest ' +
  'formula fortune fossil fountain fox freedom freight frost fruit funnel galaxy gallery garden garlic gate genius ' +
  'gesture giant ginger giraffe glacier glass globe glove goal goose grain granite grape gravel gravity grocery ' +
  'guard guitar habit hammer handle harbor harvest hazel heart height helmet herb hero highway hill hobby honey ' +
  'horizon horse hospital hotel hunger hunter iceberg idea income infant ink insect island ivory jacket jar jewel ' +
  'jockey journal journey judge jungle jury kernel kettle kidney kingdom kitchen kitten knight ladder lagoon lake ' +
  'lamp lantern laser laundry lawyer leader leather lecture legend lemon lentil lesson letter liberty library lily ' +
  'linen lizard lobby locker logic lumber luggage machine magnet mango manual maple marble margin market marsh ' +
  'meadow medal melody member memory mentor menu merchant meteor method midnight mineral minute mirror mission ' +
  'mixture moment monkey morning mosaic motion mountain muscle museum mustard napkin nation needle neighbor nephew ' +
  'nerve notion novel number oasis object ocean office olive onion opera orange orchard organ origin outcome oven ' +
  'owner oxygen oyster palace panel panther paper parade parcel parrot passage pastry pattern pavement peach peanut ' +
  'pebble pencil penguin pepper perfume permit phrase piano picnic pigeon pillow pilot pioneer pirate planet ' +
  'plaster platform pocket poem poet police pond pony portrait postcard potato powder prairie prison prize profit ' +
  'puddle pumpkin puppet purse puzzle pyramid quality quarter queen quilt rabbit radar radio raft railway rainbow ' +
  'raven recipe record region remedy rescue reward rhythm ribbon ridge ritual rival river robin rocket rooster ' +
  'routine rubber ruler saddle safari sailor sample sauce school science season secret shadow shelter signal silver ' +
  'singer sketch soldier spider spring statue stone storm summer sunset symbol temple theater thunder ticket tiger ' +
  'timber tower tractor treasure tunnel turtle umbrella valley velvet village vinegar volcano wagon walnut weather ' +
  'whale window winter wizard yogurt zebra'
).split(' ');
